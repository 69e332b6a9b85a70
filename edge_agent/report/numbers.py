"""The numbers of a report, from the journal's rows. No I/O.

A part belongs to the period in which it came. Shares are 0..1 and None where there is nothing to divide by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.report.canary import Shared
from edge_agent.report.downtime import Downtime
from edge_agent.report.people import Answer, Operator, count_answers
from edge_agent.report.period import Period

HOUR_MS = 3_600_000
_HOURLY_MS = 48 * HOUR_MS
_LATENCY_STEP_MS = 0.1


class Part(NamedTuple):
    """A part as the report's query returns it; `score` is the probability of defective."""

    id: int
    triggered_ms: int
    verdict: str | None
    final: str | None
    reason: str | None
    label: str
    score: float | None
    bundle: str | None
    latency_ms: float | None
    detail: str = ""


@dataclass
class Bar:
    """What came in one hour (or day); `start_ms` is where it begins."""

    start_ms: int
    accepted: int = 0
    rejected: int = 0
    waiting: int = 0

    @property
    def parts(self) -> int:
        """All of them."""
        return self.accepted + self.rejected + self.waiting


@dataclass
class Model:
    """What was judged by one model."""

    bundle: str
    parts: int = 0
    accepted: int = 0
    rejected: int = 0
    first_ms: int = 0
    last_ms: int = 0


@dataclass
class Numbers:
    """All that a report says of a period. `parts` came, of which `waiting` have no final verdict yet."""

    period: Period
    step_ms: int
    parts: int = 0
    accepted: int = 0
    rejected: int = 0
    judged: int = 0
    reviewed: int = 0
    timeouts: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    details: Counter[str] = field(default_factory=Counter)
    defects: Counter[str] = field(default_factory=Counter)
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    bars: list[Bar] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    downtime: Downtime | None = None
    shared: list[Shared] = field(default_factory=list)

    @property
    def bundles(self) -> tuple[str, ...]:
        """All models that the report names."""
        return tuple(dict.fromkeys([*(m.bundle for m in self.models), *(s.bundle for s in self.shared)]))

    @property
    def finished(self) -> int:
        """Parts with a final verdict."""
        return self.accepted + self.rejected

    @property
    def waiting(self) -> int:
        """Parts that are being judged or wait for a person."""
        return self.parts - self.finished

    @property
    def yielded(self) -> float | None:
        """Accepted of the finished parts."""
        return _share(self.accepted, self.finished)

    @property
    def review_share(self) -> float | None:
        """Parts that a person was asked about, of all that have a verdict."""
        return _share(self.reviewed, self.judged)

    @property
    def decided(self) -> int:
        """Parts that people decided."""
        return sum(person.decided for person in self.operators)

    @property
    def overrides(self) -> int:
        """Decisions of people against the machine."""
        return sum(person.overrides for person in self.operators)

    @property
    def agreement(self) -> float | None:
        """Share of the second blind looks that came to what the first person had decided."""
        return _share(sum(p.seconds_agreed for p in self.operators), sum(p.seconds for p in self.operators))

    @property
    def hit_rate(self) -> float | None:
        """Share of the known parts that were answered right."""
        return _share(sum(p.known_right for p in self.operators), sum(p.known for p in self.operators))


def count(
    period: Period, parts: Iterable[Part], answers: Iterable[Answer], offset_ms: int = 0, until_ms: int | None = None
) -> Numbers:
    """Count a period's rows; one pass, so that they may be many.

    `offset_ms` is local time minus UTC, so that bars begin at full local hours; bars end at `until_ms`.
    """
    step = HOUR_MS if period.to_ms - period.from_ms <= _HOURLY_MS else 24 * HOUR_MS
    numbers = Numbers(period, step)
    bars: dict[int, Bar] = {}
    models: dict[str, Model] = {}
    latencies: Counter[int] = Counter()
    for part in parts:
        start = bar_start(part.triggered_ms, step, offset_ms)
        _count_part(numbers, part, bars.setdefault(start, Bar(start)))
        if part.bundle is not None:
            _count_model(models.setdefault(part.bundle, Model(part.bundle, first_ms=part.triggered_ms)), part)
        if part.latency_ms is not None:
            latencies[round(part.latency_ms / _LATENCY_STEP_MS)] += 1
    numbers.latency_p50_ms, numbers.latency_p99_ms = (percentile(latencies, percent) for percent in (50, 99))
    end_ms = max([min(period.to_ms, until_ms or period.to_ms), *(start + 1 for start in bars)])
    numbers.bars = _without_gaps(bars, bar_start(period.from_ms, step, offset_ms), end_ms, step)
    numbers.models = sorted(models.values(), key=lambda model: (model.first_ms, model.bundle))
    numbers.operators = count_answers(answers)
    return numbers


def _count_part(numbers: Numbers, part: Part, bar: Bar) -> None:
    numbers.parts += 1
    numbers.judged += part.verdict is not None
    numbers.reviewed += part.verdict == Verdict.REVIEW.value
    if part.final == Verdict.ACCEPT.value:
        numbers.accepted += 1
        bar.accepted += 1
    elif part.final == Verdict.REJECT.value:
        numbers.rejected += 1
        bar.rejected += 1
        numbers.reasons[str(part.reason)] += 1
        if part.detail:
            numbers.details[part.detail] += 1
        numbers.timeouts += part.reason == Reason.TIMEOUT.value
        if part.label and part.reason in (Reason.MODEL.value, Reason.OPERATOR.value):
            numbers.defects[part.label] += 1
    else:
        bar.waiting += 1


def _count_model(model: Model, part: Part) -> None:
    model.parts += 1
    model.accepted += part.final == Verdict.ACCEPT.value
    model.rejected += part.final == Verdict.REJECT.value
    model.first_ms, model.last_ms = min(model.first_ms, part.triggered_ms), max(model.last_ms, part.triggered_ms)


def bar_start(at_ms: int, step_ms: int, offset_ms: int) -> int:
    """Return where the bar of a moment begins.

    >>> bar_start(5_400_000, 3_600_000, 1_800_000)
    5400000
    """
    return (at_ms + offset_ms) // step_ms * step_ms - offset_ms


def _without_gaps(bars: dict[int, Bar], first_ms: int, end_ms: int, step_ms: int) -> list[Bar]:
    return [bars.get(start) or Bar(start) for start in range(first_ms, end_ms, step_ms)]


def percentile(counts: Counter[int], percent: int) -> float | None:
    """Return the nearest-rank percentile in milliseconds of latencies counted in tenths of one."""
    total = sum(counts.values())
    rank = -(-percent * total // 100)
    seen = 0
    for tenths in sorted(counts):
        seen += counts[tenths]
        if seen >= rank:
            return tenths / 10
    return None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
