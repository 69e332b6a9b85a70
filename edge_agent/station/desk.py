"""The review desk: what waits for a person, what came by last, and what became of an answer."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from edge_agent.clock import Clock
from edge_agent.contracts.bundle import Manifest
from edge_agent.contracts.recipe import Crop
from edge_agent.contracts.verdict import ABOUT_ID, Reason, Verdict
from edge_agent.journal import reviews
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Journal, PartRow
from edge_agent.station.errors import Refused
from edge_agent.station.models import Bundles

RECENT = 40
UNSAID: dict[str, Any] = {"score": None, "label": "", "peak": None, "reason": None}
"""What stands for the machine's opinion until the person has decided."""

YIELD_OVER = 100


@dataclass(frozen=True)
class Taken:
    """What became of an answer, for how many seconds it can be taken back, and the part as it was before."""

    outcome: reviews.Outcome
    undo_s: float
    before: PartRow


@dataclass(frozen=True)
class Waiting:
    """A part that waits for a person. `crop` is what the model saw, and so where the heatmap lies.

    `why` is the reason where it waits for its serial and not for its looks, else "".
    """

    part: int
    serial: str
    score: float | None
    label: str
    remaining_s: float
    budget_s: float
    image: str | None
    heatmap: str | None
    peak: tuple[float, float] | None
    crop: tuple[float, float, float, float]
    why: str = ""


class Desk:
    """All that the ui process does with the journal; safe to call from several threads."""

    def __init__(self, database: Database, boot: UUID, bundles: Bundles, clock: Clock) -> None:
        self._journal = Journal(database, boot)
        self._bundles = bundles
        self._clock = clock
        self.lock = threading.Lock()

    def tallies(self) -> dict[str, int]:
        """Return the journal's cumulative counts; they change with every trigger, verdict and answer."""
        with self.lock:
            return self._journal.tallies()

    def queue(self) -> list[Waiting]:
        """Return the parts that can still be decided, the nearest deadline first."""
        now = self._clock.monotonic()
        with self.lock:
            return [self._waiting(r, now) for r in reviews.waiting(self._journal) if r.deadline_mono > now]

    def _waiting(self, review: reviews.OpenReview, now: float) -> Waiting:
        row = self._journal.part(review.part)
        manifest = self._bundles.manifest(row.bundle)
        remaining = round(review.deadline_mono - now, 3)
        budget = manifest.recipe.review_deadline_ms / 1000 if manifest else remaining
        return Waiting(
            part=review.part,
            serial=review.serial,
            score=review.score,
            label=review.label,
            remaining_s=remaining,
            budget_s=max(budget, remaining),
            image=review.image,
            heatmap=f"/api/parts/{review.part}/heatmap" if self._heatmap(review.part) else None,
            peak=_peak(row),
            crop=(manifest.recipe.camera.crop if manifest else Crop()).corners,
            why=str(row.reason) if row.reason in ABOUT_ID else "",
        )

    def recent(self, blind: bool) -> list[dict[str, Any]]:
        """Return the last parts, newest first; where `blind`, those without an end without the machine's opinion."""
        with self.lock:
            rows = self._journal.recent(RECENT)
        return [_summary(row) | (UNSAID if blind and row.final is None else {}) for row in rows]

    def counts(self) -> dict[str, Any]:
        """Return all parts ever, and shares (0..1, None without parts) over the last finished ones."""
        with self.lock:
            finished = [row for row in self._journal.recent(YIELD_OVER) if row.final]
            tallies = self._journal.tallies()
        rows = [row for row in finished if row.reason != Reason.CHALLENGE.value]
        accepted = sum(row.final == Verdict.ACCEPT.value for row in rows)
        reviewed = sum(row.verdict == Verdict.REVIEW.value for row in rows)
        return {
            "parts": tallies.get("parts", 0),
            "yield": accepted / len(rows) if rows else None,
            "review_share": reviewed / len(rows) if rows else None,
            "over": len(rows),
            "timeouts": sum(row.reason == Reason.TIMEOUT.value for row in rows),
        }

    def heatmap(self, part: int) -> bytes | None:
        """Return the PNG of a held part's heatmap."""
        with self.lock:
            return self._heatmap(part)

    def _heatmap(self, part: int) -> bytes | None:
        row = self._journal.database.row("review_heatmap", part=part)
        return row[0] if row else None

    def answer(self, part: int, operator: str, verdict: Verdict, label: str, undo_s: float = 0.0) -> Taken:
        """Take a person's answer, which can be taken back for `undo_s` seconds where the part's deadline allows.

        Raises Refused for an unknown part or label.
        """
        with self.lock:
            if self._journal.database.row("review_state", part=part) is None:
                raise never_waited(part)
            row = self._journal.part(part)
            manifest = self._bundles.manifest(row.bundle)
            label = checked_label(verdict, label, manifest, row.reason in ABOUT_ID)
            now_ms, now = self._clock.wall_ms(), self._clock.monotonic()
            said = reviews.Said(part, operator, verdict, label, now_ms)
            return Taken(*reviews.hold(self._journal, said, undo_s, now), row)

    def withdraw(self, part: int, operator: str) -> reviews.Withdrawal:
        """Take an answer back; says why not where that cannot be. Raises Refused for an unknown part."""
        with self.lock:
            if self._journal.database.row("review_state", part=part) is None:
                raise never_waited(part)
            return reviews.withdraw(self._journal, part, operator, self._clock.wall_ms(), self._clock.monotonic())

    def undecided(self, part: int) -> bool:
        """Return whether a person may still be asked about the part."""
        with self.lock:
            return self._journal.database.row("review_state", part=part) == ("open",)

    def decided_by(self, part: int) -> str:
        """Return who decided the part or is about to, or an empty string."""
        with self.lock:
            return self._journal.part(part).operator or reviews.held_by(self._journal, part)


def never_waited(part: int) -> Refused:
    """Return the refusal of an answer that nobody asked for."""
    return Refused(404, "no-review", f"part {part} never waited for a person; reload the queue")


def checked_label(verdict: Verdict, label: str, manifest: Manifest | None, about_id: bool = False) -> str:
    """Return the label to store with a person's verdict. Raises Refused for one that contradicts the recipe.

    An accepted part is labelled good; a rejected one keeps what the person named, or the only defect there is. Of a
    part that was held for its serial (`about_id`) the verdict says nothing of its looks, so only a named label counts.
    """
    if manifest is None:
        return label
    labels = manifest.recipe.labels
    if verdict is Verdict.ACCEPT:
        allowed: tuple[str, ...] = ("", labels.good)
        implied = labels.good
    else:
        allowed = ("", *labels.defects)
        implied = labels.defects[0] if len(labels.defects) == 1 else ""
    if label not in allowed:
        expected = ", ".join(allowed[1:])
        raise Refused(422, "bad-label", f"label '{label}' does not go with {verdict.value}; use one of: {expected}")
    return label or ("" if about_id else implied)


def _peak(row: PartRow) -> tuple[float, float] | None:
    return (row.peak_x, row.peak_y) if row.peak_x is not None and row.peak_y is not None else None


def _summary(row: PartRow) -> dict[str, Any]:
    return {
        "part": row.id,
        "serial": row.serial,
        "verdict": row.verdict,
        "final": row.final,
        "reason": row.reason,
        "detail": row.detail,
        "label": row.label,
        "score": row.score,
        "image": row.image,
        "peak": _peak(row),
        "operator": row.operator,
        "triggered_ms": row.triggered_ms,
        "latency_ms": row.latency_ms,
    }


def as_json(waiting: list[Waiting]) -> list[dict[str, Any]]:
    """Return the queue as plain values."""
    return [asdict(item) for item in waiting]
