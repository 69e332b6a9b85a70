"""Parts held for a person: the first answer in time is the verdict, every answer is a label.

An answer may be held for a moment in which it can be taken back. Until it settles nothing has happened: the part has
no verdict, no event is sent, no output moves; what was taken back stays in the journal with who and when.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal
from uuid import UUID

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.events import Reviewed
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.journal import outbox
from edge_agent.journal.journal import Journal

MARGIN_S = 0.25
"""A held answer settles so long before the part's deadline, so that the output still moves in time."""

SHORTEST_S = 0.25
"""Where less is left for taking back, the answer is not held at all."""


class Outcome(str, Enum):
    """What became of a person's answer."""

    DECIDED = "decided"
    AUDITED = "audited"
    LATE = "late"
    CONFLICT = "conflict"
    HELD = "held"


class Withdrawal(str, Enum):
    """What became of the wish to take an answer back; all but the first say why it could not be."""

    WITHDRAWN = "withdrawn"
    DRIVEN = "driven"
    DECIDED = "decided"
    NOT_YOURS = "not-yours"
    TIMEOUT = "timeout"
    NOTHING = "nothing"


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


@dataclass(frozen=True)
class Said:
    """What a person said of a part, and when."""

    part: int
    operator: str
    verdict: Verdict
    label: str
    at_ms: int


def waiting(journal: Journal) -> list[OpenReview]:
    """Return the queue, the nearest deadline first; without parts whose answer is held."""
    return [OpenReview(*row) for row in journal.database.rows("open_reviews")]


def held_until(now_mono: float, undo_s: float, deadline_mono: float) -> float | None:
    """Return until when an answer given now is held; None where it has to count at once.

    >>> held_until(100.0, 1.5, 120.0), held_until(100.0, 1.5, 101.0), held_until(100.0, 1.5, 100.4)
    (101.5, 100.75, None)
    """
    until = min(now_mono + undo_s, deadline_mono - MARGIN_S)
    return until if until - now_mono >= SHORTEST_S else None


def answer(
    journal: Journal, part: int, operator: str, verdict: Verdict, label: str, now_ms: int, now_mono: float
) -> Outcome:
    """Take a person's answer. The first within the deadline decides; later ones are kept as labels only."""
    return hold(journal, Said(part, operator, verdict, label, now_ms), 0.0, now_mono)[0]


def hold(journal: Journal, said: Said, undo_s: float, now_mono: float) -> tuple[Outcome, float]:
    """Take a person's answer, and hold it for `undo_s` seconds or as long as the part's deadline allows.

    Returns what became of it and for how many seconds it can be taken back (0 where it was not held).
    """
    database = journal.database
    expire(journal, said.at_ms, now_mono)
    with database.transaction():
        open_one = database.row("review_deadline", part=said.part)
        until = held_until(now_mono, undo_s, open_one[0]) if open_one else None
        if until is None:
            return _count(journal, said, _outcome(journal, said.part), said.at_ms), 0.0
        values = {"operator": said.operator, "verdict": said.verdict.value, "label": said.label, "at_ms": said.at_ms}
        database.run("hold_answer", part=said.part, settles_mono=until, **values)
        database.run("raise_tally", name="review.held", by=1)
        return Outcome.HELD, until - now_mono


def withdraw(journal: Journal, part: int, operator: str, now_ms: int, now_mono: float) -> Withdrawal:
    """Take a held answer back: the part waits again, and the journal keeps what was said and taken back."""
    database = journal.database
    expire(journal, now_ms, now_mono)
    with database.transaction():
        held = database.row("held_answer", part=part)
        if held is None or held[0] != operator:
            return _why_not(journal, part, operator, held is not None)
        _, verdict, label, at_ms = held
        database.run("drop_held_answer", part=part)
        values = {"verdict": verdict, "label": label, "at_ms": at_ms, "withdrawn_ms": now_ms}
        database.run("withdraw_answer", part=part, operator=operator, **values)
        database.run("raise_tally", name="review.withdrawn", by=1)
        return Withdrawal.WITHDRAWN


def _why_not(journal: Journal, part: int, operator: str, held: bool) -> Withdrawal:
    row = journal.part(part)
    if held or (row.final is not None and row.operator not in ("", operator)):
        return Withdrawal.NOT_YOURS
    if row.final is None:
        return Withdrawal.NOTHING
    if row.operator != operator:
        return Withdrawal.TIMEOUT
    return Withdrawal.DRIVEN if row.output == "driven" else Withdrawal.DECIDED


def held_by(journal: Journal, part: int) -> str:
    """Return whose answer to the part is held, or an empty string."""
    row = journal.database.row("held_answer", part=part)
    return str(row[0]) if row else ""


def _outcome(journal: Journal, part: int) -> Outcome:
    state = journal.database.row("review_state", part=part)
    if state == ("open",) and journal.database.row("held_answer", part=part) is not None:
        return Outcome.CONFLICT
    return _OUTCOMES[state[0] if state else "lost"]


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
        event = _reviewed(journal, Said(part, operator, verdict, label, now_ms), outcome, "audit")
        outbox.append_event(database, journal.boot, event, now_ms)
        return outcome


_OUTCOMES = {"open": Outcome.DECIDED, "decided": Outcome.CONFLICT, "timeout": Outcome.LATE, "lost": Outcome.LATE}


def _count(journal: Journal, said: Said, outcome: Outcome, now_ms: int) -> Outcome:
    """Write an answer down for good, within the caller's transaction; the one that decides ends the part too."""
    database = journal.database
    if outcome is Outcome.DECIDED:
        database.run("close_review", part=said.part, state="decided")
        journal.finish(said.part, said.verdict, Reason.OPERATOR, said.operator, said.label, now_ms)
    database.run(
        "add_answer",
        part=said.part,
        operator=said.operator,
        verdict=said.verdict.value,
        label=said.label,
        at_ms=said.at_ms,
        late=int(outcome is Outcome.LATE),
        conflict=int(outcome is Outcome.CONFLICT),
    )
    database.run("raise_tally", name=f"review.{outcome.value}", by=1)
    outbox.append_event(database, journal.boot, _reviewed(journal, said, outcome), now_ms)
    return outcome


def _reviewed(
    journal: Journal, said: Said, outcome: Outcome, sampled: Literal["review", "audit"] = "review"
) -> Reviewed:
    row, drawn = journal.part(said.part), journal.database.row("part_sample", part=said.part)
    return Reviewed(
        part=row.seq,
        part_boot=UUID(row.boot),
        serial=row.serial,
        operator=said.operator,
        verdict=said.verdict,
        label=said.label,
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
    """Settle held answers that are due, then reject the parts whose deadline has passed; return the latters' ids."""
    _settle(journal, now_ms, now_mono)
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


def _settle(journal: Journal, now_ms: int, now_mono: float) -> None:
    """Make verdicts of held answers; one that nobody settled before its deadline, or a crash, is a late one."""
    database = journal.database
    if not database.rows("held_answers_due", now_mono=now_mono):
        return
    with database.transaction():
        for part, operator, verdict, label, at_ms, in_time in database.rows("held_answers_due", now_mono=now_mono):
            database.run("drop_held_answer", part=part)
            said = Said(part, operator, Verdict(verdict), label, at_ms)
            _count(journal, said, Outcome.DECIDED if in_time else Outcome.LATE, now_ms)
