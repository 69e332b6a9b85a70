"""The ledger of numbered streams: what is stored, how far it goes without a gap, and what came twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert as plain_insert
from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from edge_agent.contracts.messages import Stream
from fleet.ingest.facts import Item, stored_identity
from fleet.store.database import insert
from fleet.store.tables import Event, Position, Window

Key = tuple[str, str, str]
"""Device, boot, stream."""
_TABLES: dict[Stream, Any] = {Stream.EVENT: Event, Stream.WINDOW: Window}
_KEYS_AT_ONCE = 300
_LOOK_AHEAD = 2_000


@dataclass
class Taken:
    """What became of the items of one stream: new ones, and numbers that came again with other content."""

    new: dict[int, Item] = field(default_factory=dict)
    conflicts: list[int] = field(default_factory=list)


class Ledger:
    """Positions of the streams of one transaction. Numbers are locked until it ends (on PostgreSQL by row).

    `take` decides, `settle` writes all that is new at once and moves the positions; then `reached` is right.
    """

    def __init__(self, session: Session, keys: Iterable[Key]) -> None:
        self._session = session
        self._positions: dict[Key, Position] = {}
        self._fresh: dict[Key, dict[int, Any]] = {}
        self._rows: dict[Stream, list[dict[str, Any]]] = {stream: [] for stream in Stream}
        wanted = sorted(set(keys))
        for start in range(0, len(wanted), _KEYS_AT_ONCE):
            self._load(wanted[start : start + _KEYS_AT_ONCE])

    def _load(self, keys: Sequence[Key]) -> None:
        rows = [{"device": d, "boot": b, "stream": s, "seq": 0, "highest": 0} for d, b, s in keys]
        self._session.execute(insert(self._session, Position).on_conflict_do_nothing(), rows)
        columns = tuple_(Position.device, Position.boot, Position.stream)
        found = self._session.scalars(select(Position).where(columns.in_(keys)).with_for_update())
        self._positions.update({(p.device, p.boot, p.stream): p for p in found})

    def take(self, device: str, boot: str, stream: Stream, items: dict[int, Item], received_ms: int) -> Taken:
        """Keep what is new, once and in the order of its numbers; tell what came again with other content."""
        key = (device, boot, stream.value)
        fresh = self._fresh.setdefault(key, {})
        stored = min(items) <= self._positions[key].highest
        known = {**(self._known(device, boot, stream, items) if stored else {}), **fresh}
        taken = Taken()
        for seq, item in sorted(items.items()):
            if seq not in known:
                taken.new[seq] = item
            elif known[seq] != item.identity:
                taken.conflicts.append(seq)
        fresh.update({seq: item.identity for seq, item in taken.new.items()})
        common = {"device": device, "boot": boot, "received_ms": received_ms}
        self._rows[stream] += [{**item.row, **common} for item in taken.new.values()]
        return taken

    def settle(self) -> None:
        """Write everything new and move the positions as far as there is no gap."""
        for stream, rows in self._rows.items():
            if rows:
                self._session.execute(plain_insert(_TABLES[stream].__table__), rows)
        with self._session.no_autoflush:
            for key, fresh in self._fresh.items():
                if fresh:
                    self._advance(self._positions[key], Stream(key[2]), sorted(fresh))

    def _known(self, device: str, boot: str, stream: Stream, items: dict[int, Item]) -> dict[int, Any]:
        table = _TABLES[stream]
        content = [table.digest] if stream is Stream.WINDOW else [table.kind, table.at_ms, table.data]
        query = select(table.seq, *content).where(
            table.device == device, table.boot == boot, table.seq.in_(list(items))
        )
        rows = self._session.execute(query).mappings()
        return {row["seq"]: stored_identity(stream, dict(row)) for row in rows}

    def _advance(self, position: Position, stream: Stream, new: list[int]) -> None:
        position.highest = max(position.highest, new[-1])
        reached = _run_on(position.seq, new)
        while reached > position.seq:
            position.seq = reached
            if reached < position.highest:
                reached = _run_on(reached, self._later(position, stream))

    def _later(self, position: Position, stream: Stream) -> list[int]:
        table = _TABLES[stream]
        query = select(table.seq).where(table.device == position.device, table.boot == position.boot)
        return list(self._session.scalars(query.where(table.seq > position.seq).order_by(table.seq).limit(_LOOK_AHEAD)))

    def reached(self, device: str, boot: str, stream: Stream) -> int:
        """Return the highest number up to which everything is stored."""
        return self._positions[(device, boot, stream.value)].seq


def _run_on(start: int, numbers: list[int]) -> int:
    """Return how far sorted numbers continue `start` without a gap."""
    for number in numbers:
        if number == start + 1:
            start = number
        elif number > start + 1:
            break
    return start
