"""Which records carry a time that is probably wrong: marked when they are written, not when they leave.

What is written while the clock is wrong may travel weeks later, when it is right again. So the doubt lies in the
journal, where whoever writes a record finds it, whichever process that is; and what was written between a jump and the
moment it was noticed is marked afterwards.
"""

from __future__ import annotations

from uuid import UUID

from edge_agent.clock import Clock
from edge_agent.contracts.messages import Stream
from edge_agent.install.clock_guard import TOLERANCE_MS, ClockGuard
from edge_agent.journal import outbox
from edge_agent.journal.database import Database

_LOOK_BACK = 10_000
"""So many records of each stream are looked at when a doubt begins."""


class Doubts:
    """Keeps the mark that new records get. One thread uses it, with its own connection to the journal."""

    def __init__(self, database: Database, boot: UUID, guard: ClockGuard, clock: Clock) -> None:
        self._database, self._boot, self._guard, self._clock = database, boot, guard, clock
        self._written: bool | None = None

    def look(self) -> None:
        """Write the mark down where it changed. Raises Unavailable where the journal cannot be written."""
        suspect = self._guard.suspect
        if suspect == self._written:
            return
        with self._database.transaction():
            self._database.run("set_counter", name=outbox.SUSPECT, value=int(suspect))
            if suspect:
                self._look_back()
        self._written = suspect

    def _look_back(self) -> None:
        """Mark what this boot wrote since the clock was set: times too early or too late, and what followed a jump."""
        for stream in Stream:
            row = self._database.row("read_counter", name=f"{stream.value}/{self._boot}")
            self._database.run(
                "doubt_outbox",
                boot=str(self._boot),
                stream=stream.value,
                since=(int(row[0]) if row else 0) - _LOOK_BACK,
                earliest=self._guard.floor_ms - TOLERANCE_MS,
                latest=self._guard.true_ms + TOLERANCE_MS,
                beyond=self._clock.wall_ms() + TOLERANCE_MS,
            )
