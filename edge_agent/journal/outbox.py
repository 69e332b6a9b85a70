"""Facts for the fleet, written in the transaction of what they tell and kept until they are acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from edge_agent.contracts.encoding import canonical_json
from edge_agent.contracts.events import Decided, Fault, Reviewed, Transition
from edge_agent.contracts.messages import Position, Stream
from edge_agent.journal.database import Database

SUSPECT = "time/suspect"
"""The counter that is 1 while records are written by a clock that is probably wrong."""


@dataclass(frozen=True)
class Entry:
    """One fact in its stream; `suspect` where the clock was probably wrong when it was written."""

    boot: UUID
    seq: int
    at_ms: int
    payload: bytes
    suspect: bool = False


def append_event(database: Database, boot: UUID, data: Decided | Reviewed | Transition | Fault, now_ms: int) -> int:
    """Append an event within the caller's transaction; return its seq."""
    return append(database, str(boot), Stream.EVENT, canonical_json(data), now_ms)


def append(database: Database, boot: str, stream: Stream, payload: bytes, now_ms: int) -> int:
    """Append to a stream within the caller's transaction; return the seq."""
    seq = database.next_number(f"{stream.value}/{boot}")
    if seq == 1:
        database.run("add_boot", boot=boot, started_ms=now_ms)
    database.run("add_outbox", boot=boot, stream=stream.value, seq=seq, at_ms=now_ms, payload=payload)
    return seq


def boots(database: Database, stream: Stream) -> list[UUID]:
    """Return the boots that have unacknowledged facts, oldest first."""
    return [UUID(row[0]) for row in database.rows("outbox_boots", stream=stream.value)]


def page(database: Database, boot: UUID, stream: Stream, after: int, limit: int) -> list[Entry]:
    """Return the next facts of one boot beyond `after`."""
    rows = database.rows("outbox_page", boot=str(boot), stream=stream.value, after=after, limit=limit)
    return [Entry(boot, seq, at_ms, payload, bool(suspect)) for seq, at_ms, payload, suspect in rows]


def acknowledge(database: Database, position: Position) -> int:
    """Forget what the fleet has committed; return how many facts that were."""
    with database.transaction():
        return database.run(
            "outbox_acknowledge", boot=str(position.boot), stream=position.stream.value, seq=position.seq
        )


def depth(database: Database, stream: Stream) -> int:
    """Return the number of facts waiting; quick however many, for a stream has no gaps."""
    row = database.row("outbox_depth", stream=stream.value)
    return int(row[0]) if row else 0
