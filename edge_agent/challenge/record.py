"""Challenges in the journal: presented, passed or failed, the lock, and the parts since the last pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.events import Fault
from edge_agent.contracts.verdict import Verdict
from edge_agent.decision.challenge import Moment
from edge_agent.journal import outbox
from edge_agent.journal.database import Database, Rows

FAULT = "challenge-failed"
_ARMED = "challenge/armed"
_PAGE = 500


@dataclass(frozen=True)
class Last:
    """The last time a part was presented; `passed` is None where the station was killed before it had judged."""

    name: str
    at: Moment
    passed: bool | None
    why: str


@dataclass(frozen=True)
class Lock:
    """The station is locked since this part failed; `since` is the part of the last pass before it, 0 for none."""

    part: int
    name: str
    why: str
    since: int
    at_ms: int
    unlocked_ms: int | None = None
    unlocked_by: str = ""
    unlocked_why: str = ""


@dataclass(frozen=True)
class Suspect:
    """A production part that was judged between the last pass and the failure; run and sequence are the PLC's."""

    part: int
    boot: str
    seq: int
    serial: str
    triggered_ms: int
    verdict: str
    final: str
    reason: str
    label: str
    score: float
    bundle: str
    operator: str
    run: int | None
    sequence: int | None


def present(database: Database, name: str, known: Verdict, at: Moment) -> None:
    """Note that a part is the challenge part of this name, within the caller's transaction; it is armed no more."""
    database.run("drop_meta", key=_ARMED)
    database.run(
        "add_challenge",
        part=at.part,
        name=name,
        known=known.value,
        boot=at.boot,
        bundle=at.bundle,
        mono=at.mono,
        at_ms=at.at_ms,
    )


def conclude(database: Database, boot: UUID, name: str, part: int, why: str, now_ms: int) -> None:
    """Note what came of a presented part; `why` it failed, "" where it passed. A failure locks the station."""
    with database.transaction():
        if not database.run("end_challenge", part=part, passed=int(not why), why=why) or not why:
            return
        since = database.rows("last_pass", name=name, before=part)[0][0]
        database.run("add_challenge_lock", part=part, name=name, why=why, since=since, at_ms=now_ms)
        outbox.append_event(database, boot, Fault(code=FAULT, active=True, detail=f"{name}: {why}"[:500]), now_ms)
        database.run("raise_tally", name=f"fault.{FAULT}", by=1)


def last_presented(journal: Rows) -> dict[str, Last]:
    """Return the last time each part was presented, by name."""
    found = {}
    for name, part, boot, bundle, mono, at_ms, passed, why in journal.rows("last_challenges"):
        found[name] = Last(name, Moment(part, boot, bundle, mono, at_ms), None if passed is None else bool(passed), why)
    return found


def passes(journal: Rows, since: int = 0) -> dict[str, Moment]:
    """Return the passes that may still count: after part `since` and the last lock, and not spoilt by a later try."""
    lock = last_lock(journal)
    since = max(since, lock.part if lock is not None else 0)
    return {name: last.at for name, last in last_presented(journal).items() if last.passed and last.at.part > since}


def last_lock(journal: Rows) -> Lock | None:
    """Return the last lock, whether it holds or was lifted."""
    found = journal.rows("last_challenge_lock")
    return Lock(*found[0]) if found else None


def locked(journal: Rows) -> Lock | None:
    """Return the lock that holds, None where the station is not locked."""
    found = journal.rows("challenge_locked")
    return Lock(*found[0]) if found else None


def arm(database: Database, name: str) -> None:
    """Take the next triggered part for this challenge part. Raises Rejected while the station is locked."""
    with database.transaction():
        lock = locked(database)
        if lock is not None:
            raise Rejected(f"the station is locked ({lock.name}: {lock.why}); a supervisor must unlock it first")
        database.run("set_meta", key=_ARMED, value=name)


def disarm(database: Database) -> None:
    """Take the next triggered part for production again."""
    with database.transaction():
        database.run("drop_meta", key=_ARMED)


def armed(journal: Rows) -> str:
    """Return the name of the challenge part that the next triggered part will be; "" for production."""
    found = journal.rows("get_meta", key=_ARMED)
    return str(found[0][0]) if found else ""


def unlock(database: Database, boot: UUID, who: str, why: str, now_ms: int) -> Lock:
    """Lift the lock and return it; all challenge parts are due again. Raises Rejected where there is none."""
    with database.transaction():
        lock = locked(database)
        if lock is None:
            raise Rejected("the station is not locked; nothing was changed")
        database.run("unlock_challenge", at_ms=now_ms, who=who, why=why)
        told = Fault(code=FAULT, active=False, detail=f"unlocked by {who}: {why}"[:500])
        outbox.append_event(database, boot, told, now_ms)
        return lock


def suspects(journal: Rows, lock: Lock) -> Iterator[Suspect]:
    """Yield the parts that were judged between the last pass and the failure, the oldest first."""
    after = lock.since
    while True:
        rows = journal.rows("challenge_suspects", after=after, before=lock.part, limit=_PAGE)
        yield from (Suspect(*row) for row in rows)
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


def count_suspects(journal: Rows, lock: Lock) -> int:
    """Return how many they are."""
    return int(journal.rows("count_challenge_suspects", after=lock.since, before=lock.part)[0][0])
