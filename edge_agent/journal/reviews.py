"""Parts held for a person: the first answer in time is the verdict, every answer is a label."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal
from uuid import UUID

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.messages import Reviewed
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.journal import outbox
from edge_agent.journal.journal import Journal


class Outcome(str, Enum):
    """What became of a person's answer."""

    DECIDED = "decided"
    AUDITED = "audited"
    LATE = "late"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class OpenReview:
    """A part that waits for a person; `deadline_mono` in seconds of the monotonic clock."""

    part: int
    serial: str
    score: float | None
    label: str
    image: str | None
    opened_ms: int
    deadline_mono: float


def waiting(journal: Journal) -> list[OpenReview]:
    """Return the queue, the nearest deadline first."""
    return [OpenReview(*row) for row in journal.database.rows("open_reviews")]


def answer(
    journal: Journal, part: int, operator: str, verdict: Verdict, label: str, now_ms: int, now_mono: float
) -> Outcome:
    """Take a person's answer. The first within the deadline decides; later ones are kept as labels only."""
    database = journal.database
    expire(journal, now_ms, now_mono)
    with database.transaction():
        state = database.row("review_state", part=part)
        outcome = _OUTCOMES[state[0] if state else "lost"]
        if outcome is Outcome.DECIDED:
            database.run("close_review", part=part, state="decided")
            journal.finish(part, verdict, Reason.OPERATOR, operator, label, now_ms)
        database.run(
            "add_answer",
            part=part,
            operator=operator,
            verdict=verdict.value,
            label=label,
            at_ms=now_ms,
            late=int(outcome is Outcome.LATE),
            conflict=int(outcome is Outcome.CONFLICT),
        )
        database.run("raise_tally", name=f"review.{outcome.value}", by=1)
        event = _reviewed(journal, part, operator, verdict, label, outcome)
        outbox.append_event(database, journal.boot, event, now_ms)
        return outcome


def answer_audit(journal: Journal, part: int, operator: str, verdict: Verdict, label: str, now_ms: int) -> Outcome:
    """Take what a person says of a part that left the station before; it moves nothing. A second answer is a conflict.

    Raises Rejected for a part that was not drawn.
    """
    database = journal.database
    with database.transaction():
        drawn = database.row("part_sample", part=part)
        if drawn is None or journal.part(part).final is None:
            raise Rejected(f"part {part} was not drawn for an audit; take one from the list of those that wait")
        repeated = database.row("part_answered", part=part) is not None
        outcome = Outcome.CONFLICT if repeated else Outcome.AUDITED
        row = {"part": part, "operator": operator, "verdict": verdict.value, "label": label}
        database.run("add_answer", **row, at_ms=now_ms, late=0, conflict=int(repeated))
        database.run("raise_tally", name=f"review.{outcome.value}", by=1)
        event = _reviewed(journal, part, operator, verdict, label, outcome, "audit")
        outbox.append_event(database, journal.boot, event, now_ms)
        return outcome


_OUTCOMES = {"open": Outcome.DECIDED, "decided": Outcome.CONFLICT, "timeout": Outcome.LATE, "lost": Outcome.LATE}


def _reviewed(
    journal: Journal,
    part: int,
    operator: str,
    verdict: Verdict,
    label: str,
    outcome: Outcome,
    sampled: Literal["review", "audit"] = "review",
) -> Reviewed:
    row, drawn = journal.part(part), journal.database.row("part_sample", part=part)
    return Reviewed(
        part=row.seq,
        part_boot=UUID(row.boot),
        serial=row.serial,
        operator=operator,
        verdict=verdict,
        label=label,
        machine=Verdict(row.verdict),
        score=row.score,
        bundle=row.bundle,
        late=outcome is Outcome.LATE,
        conflict=outcome is Outcome.CONFLICT,
        sampled=sampled,
        training=drawn is None or bool(drawn[3]),
        image=row.image,
    )


def expire(journal: Journal, now_ms: int, now_mono: float) -> list[int]:
    """Reject the parts whose deadline has passed; return their ids."""
    database = journal.database
    due = database.rows("reviews_due", now_mono=now_mono)
    if not due:
        return []
    with database.transaction():
        expired = [row[0] for row in database.rows("reviews_due", now_mono=now_mono)]
        for part in expired:
            database.run("close_review", part=part, state="timeout")
            journal.finish(part, Verdict.REJECT, Reason.TIMEOUT, "", "", now_ms)
        return expired
