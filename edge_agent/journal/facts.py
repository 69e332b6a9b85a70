"""Values of the journal: a part's key and row, a decision, and the event that tells the fleet of it.

What is made for every part, here and elsewhere on its way, is a named tuple: a frozen dataclass takes three times as
long to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from edge_agent.contracts.events import Decided
from edge_agent.contracts.plc import PlcPart
from edge_agent.contracts.verdict import Detail, Reason, Verdict
from edge_agent.decision.canary import Outcome
from edge_agent.decision.sampling import Sampled


class PartKey(NamedTuple):
    """A part's row, the key under which the rest of the world knows it (with the station), and the PLC's own count."""

    id: int
    boot: UUID
    seq: int
    plc: PlcPart | None = None


@dataclass(frozen=True)
class SecondOpinion:
    """What a challenger thinks of a part: `verdict` is review where it is unsure, `reason` says what failed it."""

    bundle: str
    verdict: Verdict
    reason: Reason
    score: float | None
    label: str


@dataclass(frozen=True)
class Drawn:
    """A part that was drawn, with the probability `share`, for the challenger `bundle` to decide.

    `champion`, `verdict` (review: unsure), `score` and `label` are what the champion thought of it; `second` is what
    the challenger thought, None where it was late.
    """

    bundle: str
    share: float
    outcome: Outcome
    champion: str
    verdict: Verdict
    score: float
    label: str
    second: SecondOpinion | None = None

    @property
    def disputed(self) -> bool:
        """Whether the two thought differently of a part that the challenger decided."""
        both = self.outcome is Outcome.DECIDED and self.second is not None
        return both and self.second is not None and self.second.verdict is not self.verdict


class Decision(NamedTuple):
    """What the station says of a part. `heatmap` (PNG) and `review_until` (monotonic seconds) only for a review.

    `features` are float32, one row of the baseline's features per picture of the part, the rows one after the other.
    `serial` only where it became known after the trigger; `detail` says more of the reason; `sample` where the part's
    answers measure the machine, `canary` where it was drawn for the challenger.
    """

    verdict: Verdict
    reason: Reason
    label: str = ""
    score: float | None = None
    peak: tuple[float, float] | None = None
    bundle: str | None = None
    latency_ms: float | None = None
    image: str | None = None
    features: bytes | None = None
    review_until: float | None = None
    heatmap: bytes | None = None
    serial: str = ""
    detail: Detail | None = None
    sample: Sampled | None = None
    canary: Drawn | None = None


@dataclass(frozen=True)
class PartRow:
    """A part as the journal has it."""

    id: int
    boot: str
    seq: int
    serial: str
    triggered_ms: int
    verdict: str | None
    final: str | None
    reason: str | None
    label: str
    score: float | None
    peak_x: float | None
    peak_y: float | None
    bundle: str | None
    latency_ms: float | None
    decided_ms: int | None
    operator: str
    image: str | None
    output: str
    detail: str


def decided_event(row: PartRow) -> Decided:
    """Return the event that tells the fleet of a finished part."""
    return Decided(
        part=row.seq,
        part_boot=UUID(row.boot),
        serial=row.serial,
        verdict=Verdict(row.verdict),
        final=Verdict(row.final),
        reason=Reason(row.reason),
        label=row.label,
        score=row.score,
        bundle=row.bundle,
        operator=row.operator,
        latency_ms=row.latency_ms,
        image=row.image,
        detail=row.detail,
    )


def machine_event(row: tuple[Any, ...], decision: Decision) -> dict[str, Any]:
    """Return the same event for a verdict the machine just gave, without the detour through the models.

    `row` is (boot, seq, serial) as the trigger wrote them. A test holds it against `Decided`.
    """
    boot, seq, serial = row
    verdict = decision.verdict.value
    return {
        "kind": "decided",
        "part": seq,
        "part_boot": boot,
        "serial": decision.serial or serial,
        "verdict": verdict,
        "final": verdict,
        "reason": decision.reason.value,
        "label": decision.label,
        "score": decision.score,
        "bundle": decision.bundle,
        "operator": "",
        "latency_ms": decision.latency_ms,
        "image": decision.image,
        "detail": decision.detail.value if decision.detail is not None else "",
    }
