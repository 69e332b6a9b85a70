"""Since when the station is ready or is not: stretches of time in the journal, for the downtime of a shift.

The hot loop only says how it is; the thread that keeps deadlines writes it down, so that no part waits for it.
"""

from __future__ import annotations

import logging
import sqlite3
from uuid import UUID

from edge_agent.clock import Clock
from edge_agent.contracts.errors import Unavailable
from edge_agent.journal.database import Database

BEAT_S = 30.0
"""How often a stretch that goes on is moved along; so much at most is taken for downtime after a power cut."""

_JUMP_MS = 2000
_KEPT_ROWS = 100_000
_WHY_CHARACTERS = 200
_log = logging.getLogger("lineside.uptime")


class Uptime:
    """Writes a row when readiness changes, and moves its end along. Only `note` may be called from other threads."""

    def __init__(self, database: Database, boot: UUID, clock: Clock) -> None:
        self._database = database
        self._boot = str(boot)
        self._clock = clock
        self._said: tuple[bool, str] | None = None
        self._written: tuple[bool, str] | None = None
        self._row = 0
        self._moved_ms = 0
        self._moved = 0.0

    def note(self, ready: bool, why: str) -> None:
        """Say how the station is now; touches memory alone."""
        self._said = (ready, why)

    def step(self) -> None:
        """Write down what has changed. Raises Unavailable where the journal cannot be written."""
        said = self._said
        if said is None:
            return
        now_ms, now = self._clock.wall_ms(), self._clock.monotonic()
        if self._written is None or self._jumped(now_ms, now):
            self._begin(said, now_ms, now, move=False)
        elif said != self._written:
            self._begin(said, now_ms, now, move=True)
        elif now - self._moved >= BEAT_S:
            self._move(now_ms, now)

    def close(self) -> None:
        """Note the end of the last stretch; a journal that cannot be written is only logged."""
        try:
            self.step()
            if self._written is not None:
                self._move(self._clock.wall_ms(), self._clock.monotonic())
        except (Unavailable, sqlite3.Error) as error:
            _log.warning("it is not noted until when the station ran: %s", error)

    def _jumped(self, now_ms: int, now: float) -> bool:
        """Return whether the wall clock was set: then the old stretch ends where it was, lest it grow by years."""
        return abs((now_ms - self._moved_ms) - (now - self._moved) * 1e3) > _JUMP_MS

    def _begin(self, said: tuple[bool, str], now_ms: int, now: float, move: bool) -> None:
        """Begin a stretch. The last part of an earlier run proves how long that one was alive at least."""
        ready, why = said
        with self._database.transaction():
            if self._written is None:
                self._database.run("prove_readiness", at_ms=now_ms)
                self._database.run("forget_readiness", kept=_KEPT_ROWS)
            elif move:
                self._database.run("move_readiness", id=self._row, at_ms=now_ms)
            values = {"boot": self._boot, "at_ms": now_ms, "ready": int(ready), "why": why[:_WHY_CHARACTERS]}
            row = self._database.insert("begin_readiness", **values)
        self._row, self._written = row, said
        self._moved_ms, self._moved = now_ms, now

    def _move(self, now_ms: int, now: float) -> None:
        with self._database.transaction():
            self._database.run("move_readiness", id=self._row, at_ms=now_ms)
        self._moved_ms, self._moved = now_ms, now
