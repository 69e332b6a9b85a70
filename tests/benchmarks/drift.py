"""M1, M2: false alarms of a large fleet without drift, and windows until a drift is alarmed.

M1 counts alarms in a week of hourly windows of 10,000 devices with 20 features, 300 parts a window; every day is a lot
that lies 0.1 deviations off at random. Scores are computed on arrays, checked against the contract's own function.
M2 feeds real streams: one feature of 20 moves by one deviation, at the threshold of that same fleet.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.drift_score import drift_score
from edge_agent.contracts.window import Baseline, Feature, Statistics, Tally
from fleet.monitoring.detectors import RELEVANT, Pool, Reference, Stream, absorb
from fleet.monitoring.evidence import Budget, Calibrator
from tests.benchmarks.figure import Figure

DEVICES, FEATURES, WEEK, PARTS, LOT, LOT_EFFECT = 10_000, 20, 168, 300, 24, 0.1
CALIBRATION = 1000
EDGES = tuple(float(edge) for edge in np.linspace(-2.5, 2.5, 15))
STEP = 0.01
_AT_ONCE = 50
Numbers = npt.NDArray[np.float64]


def figures() -> Iterator[Figure]:
    """Measure both."""
    rng = np.random.default_rng(5)
    reference = _reference(rng)
    threshold = Budget().threshold(DEVICES * FEATURES)
    _agree(rng, reference)
    calibrator = reference.calibrators["f00"]
    alarms = sum(
        _false_alarms(rng, reference.baseline.features[0], calibrator, threshold, min(_AT_ONCE, DEVICES - start))
        for start in range(0, DEVICES, _AT_ONCE)
    )
    yield Figure("M1", "false alarms in a week, 10,000 devices, no drift", alarms, "alarms", 1.0)
    delays = [_delay(rng, reference, threshold) for _ in range(200)]
    yield Figure(
        "M2", "windows until 1 deviation in 1 of 20 features is alarmed, median", _at(delays, 0.5), "windows", 4
    )
    yield Figure("M2.95", "the same, 95 % of cases", _at(delays, 0.95), "windows", 4)


def _at(delays: list[int], share: float) -> float:
    return float(np.quantile(delays, share, method="higher"))


def _shares(shift: Numbers) -> Numbers:
    """Shares of the bins of a normal feature that lies `shift` deviations off: shape (…, bins)."""
    erf = np.vectorize(math.erf)
    below = 0.5 * (1 + erf((np.array(EDGES) - shift[..., None]) / math.sqrt(2)))
    ends = (*shift.shape, 1)
    return np.diff(np.concatenate([np.zeros(ends), below, np.ones(ends)], axis=-1))


def _feature(name: str) -> Feature:
    counts = tuple(int(count) for count in np.round(20_000 * _shares(np.zeros(()))))
    return Feature(name=name, edges=EDGES, origin=0.0, step=STEP, counts=counts, mean=0.0, deviation=1.0)


def _tally(rng: np.random.Generator, shift: float) -> Tally:
    values = np.round(rng.normal(shift, 1.0, PARTS) / STEP).astype(int)
    bins = np.bincount(np.searchsorted(EDGES, values * STEP, side="right"), minlength=len(EDGES) + 1)
    return Tally(bins.tolist(), PARTS, int(values.sum()), int((values * values).sum()))


def _reference(rng: np.random.Generator) -> Reference:
    features = tuple(_feature(f"f{i:02d}") for i in range(FEATURES))
    scores = tuple(sorted(drift_score(features[0], _tally(rng, 0.0)) for _ in range(CALIBRATION)))
    calibration = {feature.name: scores for feature in features}
    baseline = Baseline(features=features, labels=("ok", "bad"), window_parts=PARTS, calibration=calibration)
    return Reference.of(baseline, Budget())


def _scores(feature: Feature, bins: npt.NDArray[np.int64], means: Numbers) -> Numbers:
    """Drift scores of many windows at once: `bins` (…, bins), `means` (…) in deviations."""
    weight = PARTS + 0.5 * bins.shape[-1]
    training = (np.array(feature.counts) * PARTS / sum(feature.counts) + 0.5) / weight
    live = (bins + 0.5) / weight
    middle = np.log2((training + live) / 2)
    divergence = 0.5 * (training * (np.log2(training) - middle) + live * (np.log2(live) - middle)).sum(axis=-1)
    return np.hypot(means, 2.0 * np.sqrt(np.clip(divergence, 0, 1)))


def _agree(rng: np.random.Generator, reference: Reference) -> None:
    """Stop where the arrays say anything else than the contract. Raises ValueError."""
    feature = reference.baseline.features[0]
    for shift in (0.0, 0.2, 1.0):
        tally = _tally(rng, shift)
        mean = np.array(STEP * tally.total / PARTS)
        if not math.isclose(float(_scores(feature, np.array(tally.bins), mean)), drift_score(feature, tally)):
            raise ValueError("the score on arrays differs from edge_agent.contracts.drift_score; change it here too")


def _false_alarms(
    rng: np.random.Generator, feature: Feature, calibrator: Calibrator, threshold: float, devices: int
) -> int:
    """Run a week of `devices` devices; an alarming stream starts again, so that each alarm counts."""
    lots = np.repeat(rng.normal(0, LOT_EFFECT, (devices * FEATURES, -(-WEEK // LOT))), LOT, axis=1)[:, :WEEK]
    bins = rng.multinomial(PARTS, _shares(lots[:, ::LOT])[:, np.arange(WEEK) // LOT])
    scores = _scores(feature, bins, lots + rng.normal(0, 1 / math.sqrt(PARTS), lots.shape))
    e_values = sum((step.weight / step.p) * (scores > step.limit) for step in calibrator.steps)
    e_values = np.where(scores >= RELEVANT, e_values, 0.0)
    evidence, alarms = np.zeros(len(scores)), 0
    for window in range(WEEK):
        evidence = e_values[:, window] * (evidence + 1.0)
        over = evidence >= threshold
        alarms += int(over.sum())
        evidence[over] = 0.0
    return alarms


def _delay(rng: np.random.Generator, reference: Reference, threshold: float) -> int:
    stream, windows = Stream(), 0
    while not stream.alarmed:
        windows += 1
        tallies = {f.name: _tally(rng, float(f.name == "f00")) for f in reference.baseline.features}
        pool = Pool(Statistics(reference.baseline.schema_id, tallies), windows, windows, PARTS)
        stream, _ = absorb(stream, pool, reference, threshold)
    return windows
