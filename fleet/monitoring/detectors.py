"""The sequential detector of one stream of windows: a device, or a whole site, that runs one model.

The unit of testing is a window of at least `Baseline.window_parts` parts. Smaller ones are pooled, exactly, until
there are enough; until then nothing is tested and nothing can alarm. Every window enters a stream once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from edge_agent.contracts.drift_score import drift_score, mean_shift, rank_p_value, signed_shift
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.window import Baseline, Feature, Statistics, Tally
from fleet.monitoring.evidence import Budget, Calibrator, accumulate, calibrator

RELEVANT = 0.8
"""Smallest drift score worth a page, in the score's unit (training deviations): lots differ by some tenths of that."""

KEPT_TESTS = 6
"""How many tests a stream remembers, for effect sizes and charts."""

_QUIET_TESTS = 3


class Outcome(str, Enum):
    """What became of a window."""

    TESTED = "tested"
    INSUFFICIENT = "insufficient"
    HEARTBEAT = "heartbeat"
    LATE = "late"
    REFUSED = "refused"


@dataclass(frozen=True)
class Reference:
    """A baseline made ready for testing; features without enough calibration windows are not tested."""

    baseline: Baseline
    calibrators: Mapping[str, Calibrator]

    @classmethod
    def of(cls, baseline: Baseline, budget: Budget) -> Reference:
        """Prepare a baseline; the budget's calibration risk is shared among its features."""
        risk = budget.calibration_risk / len(baseline.features)
        made = {f.name: calibrator(baseline.calibration.get(f.name, ()), risk) for f in baseline.features}
        return cls(baseline, {name: one for name, one in made.items() if one is not None})

    def feature(self, name: str) -> Feature:
        """Return the feature of that name."""
        return next(feature for feature in self.baseline.features if feature.name == name)


@dataclass(frozen=True)
class Reading:
    """One feature in one test, or in several merged ones; `shift` is signed, in training deviations."""

    feature: str
    n: int
    score: float
    shift: float
    mean: float
    training_mean: float
    p_value: float = 1.0
    evidence: float = 0.0


@dataclass(frozen=True)
class Test:
    """One tested window, possibly pooled from several."""

    started_ms: int
    ended_ms: int
    parts: int
    windows: int
    statistics: Statistics
    readings: Mapping[str, Reading]


@dataclass(frozen=True)
class Pool:
    """Windows that wait until there are enough parts to test."""

    statistics: Statistics
    started_ms: int
    ended_ms: int
    parts: int
    windows: int = 1

    def joined(self, other: Pool) -> Pool:
        """Return both together. Raises Rejected across baselines."""
        merged = Statistics(self.statistics.schema_id, _copied(self.statistics.tallies), dict(self.statistics.counters))
        merged.merge(other.statistics)
        return Pool(
            merged,
            min(self.started_ms, other.started_ms),
            max(self.ended_ms, other.ended_ms),
            self.parts + other.parts,
            self.windows + other.windows,
        )


@dataclass(frozen=True)
class Stream:
    """All that is remembered of a stream: what waits, the evidence per feature, the latest tests, open alarms."""

    pool: Pool | None = None
    evidence: Mapping[str, float] = field(default_factory=dict)
    recent: tuple[Test, ...] = ()
    alarmed: Mapping[str, int] = field(default_factory=dict)
    quiet: int = 0
    tests: int = 0


def absorb(stream: Stream, window: Pool, reference: Reference, threshold: float) -> tuple[Stream, Outcome]:
    """Take one window into the stream and test it once there are enough parts.

    `alarmed` of the returned stream maps each feature whose evidence reached `threshold` to the time (ms) of its
    first alarm; it empties again after three tests in a row without evidence. Raises Rejected for another schema.
    """
    if window.statistics.schema_id != reference.baseline.schema_id:
        raise Rejected(
            f"window of schema {window.statistics.schema_id[:12]} on baseline {reference.baseline.schema_id[:12]}; "
            "it is kept apart, publish the bundle that it was counted with"
        )
    if window.parts == 0:
        return stream, Outcome.HEARTBEAT
    pool = window if stream.pool is None else stream.pool.joined(window)
    if pool.parts < reference.baseline.window_parts:
        return replace(stream, pool=pool), Outcome.INSUFFICIENT
    return _tested(stream, pool, reference, threshold), Outcome.TESTED


def _tested(stream: Stream, pool: Pool, reference: Reference, threshold: float) -> Stream:
    evidence: dict[str, float] = {}
    readings: dict[str, Reading] = {}
    for feature in reference.baseline.features:
        tally = pool.statistics.tallies[feature.name]
        before = stream.evidence.get(feature.name, 0.0)
        evidence[feature.name] = _next_evidence(before, feature, tally, reference)
        readings[feature.name] = read(feature, tally, reference.baseline, evidence[feature.name])
    test = Test(pool.started_ms, pool.ended_ms, pool.parts, pool.windows, pool.statistics, readings)
    over = {name: pool.ended_ms for name, value in evidence.items() if value >= threshold}
    quiet = 0 if over else stream.quiet + 1
    alarmed = {**over, **stream.alarmed} if quiet < _QUIET_TESTS else {}
    return Stream(None, evidence, (*stream.recent, test)[-KEPT_TESTS:], alarmed, quiet, stream.tests + 1)


def _next_evidence(before: float, feature: Feature, tally: Tally, reference: Reference) -> float:
    chosen = reference.calibrators.get(feature.name)
    if chosen is None or 5 * tally.n < 4 * reference.baseline.window_parts:
        return before
    score = drift_score(feature, tally)
    if not math.isfinite(score):
        return before
    return accumulate(before, chosen.e_value(score) if score >= RELEVANT else 0.0)


def read(feature: Feature, tally: Tally, baseline: Baseline, evidence: float = 0.0) -> Reading:
    """Return effect size, n and rank p-value of one feature's counts."""
    score = drift_score(feature, tally)
    shift = signed_shift(feature, tally) if tally.n else 0.0
    mean = feature.origin + feature.step * tally.total / tally.n if tally.n else feature.mean
    p_value = rank_p_value(score, baseline.calibration.get(feature.name, ()))
    return Reading(feature.name, tally.n, score, shift, mean, feature.mean, p_value, evidence)


def merged_tests(tests: tuple[Test, ...]) -> Pool | None:
    """Return several tests' windows as one, or None of nothing."""
    pool: Pool | None = None
    for test in tests:
        one = Pool(test.statistics, test.started_ms, test.ended_ms, test.parts, test.windows)
        pool = one if pool is None else pool.joined(one)
    return pool


def is_shifted(feature: Feature, tally: Tally) -> bool:
    """True where the effect alone, whatever the evidence, is large enough to matter."""
    return max(mean_shift(feature, tally), drift_score(feature, tally)) >= RELEVANT


def _copied(tallies: Mapping[str, Tally]) -> dict[str, Tally]:
    return {name: replace(tally, bins=list(tally.bins)) for name, tally in tallies.items()}
