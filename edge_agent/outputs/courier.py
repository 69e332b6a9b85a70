"""Tells one receiver every finished part, in order and at least once, from the journal and not from memory.

The cursor (`counter`, `output/<name>`) is the `final_seq` of the last part that the receiver has. It is written
some time after the receiver has answered: a process that is killed tells the last half second's parts again, under the
same key.
"""

from __future__ import annotations

import contextlib
import logging
import random
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Protocol

from edge_agent.clock import SYSTEM, Clock
from edge_agent.contracts.errors import LinesideError, Rejected, Unavailable
from edge_agent.contracts.line_messages import Notice, utc
from edge_agent.journal.journal import Journal
from edge_agent.outputs.delivery import Tries

_PAGE = 20
_LOOK_EVERY_S = 1.0
_SAVE_EVERY_S = 0.5
_log = logging.getLogger("lineside.output")


class Receiver(Protocol):
    """Somebody who is told of finished parts."""

    def tell(self, notice: Notice) -> None:
        """Return once the receiver has it. Raises Unavailable to try again, Rejected where it refuses this part."""

    def close(self) -> None:
        """Let go of the connection; a waiting `tell` need not end."""


class Courier:
    """One receiver's thread. `journal` is a connection of its own."""

    def __init__(
        self,
        name: str,
        journal: Journal,
        receiver: Receiver,
        clock: Clock = SYSTEM,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.problem = ""
        self._journal, self._receiver, self._clock, self._draw = journal, receiver, clock, draw
        self._cursor, self._fault_flag, self._fault_code = f"output/{name}", f"output-fault/{name}", f"output-{name}"
        self._tries = Tries()
        self._news, self._again, self._stopping = threading.Event(), threading.Event(), threading.Event()
        self._told = self._saved = self._first()
        self._saved_at = clock.monotonic()
        self._faulty = bool(self._counter(self._fault_flag))
        self._thread = threading.Thread(target=self._run, name=f"output-{name}", daemon=True)

    @property
    def alive(self) -> bool:
        """False when the thread has died."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def wake(self) -> None:
        """A part is finished: look at once, unless the receiver is away."""
        self._news.set()

    def hurry(self) -> None:
        """The receiver is back: try at once."""
        self._again.set()
        self._news.set()

    def close(self, wait_s: float) -> None:
        """Stop; a receiver that does not answer within `wait_s` is left to the thread, which dies with the process."""
        self._stopping.set()
        self.hurry()
        if self._thread.ident is not None:
            self._thread.join(wait_s)
        self._receiver.close()
        if not self._thread.is_alive():
            with contextlib.suppress(Unavailable):  # the next process tells some parts again
                self._save()
            self._journal.database.close()

    def step(self) -> float:
        """Tell a few parts; return the seconds until it is worth doing again, unless woken."""
        rows = self._journal.database.rows("finished_parts", after=self._told, limit=_PAGE)
        for number, *fields in rows:
            if self._stopping.is_set() or not self._tell(number, _notice(fields)):
                break
        self._save_when_due()
        if self._tries.failures:
            return self._tries.pause_s(self._draw())
        if len(rows) == _PAGE:
            return 0.0
        return _LOOK_EVERY_S if self._told == self._saved else _SAVE_EVERY_S

    def _run(self) -> None:
        while not self._stopping.is_set():
            # Cleared before looking: what comes meanwhile is seen by this look or wakes the next one.
            self._news.clear()
            self._again.clear()
            try:
                pause_s = self.step()
            except (Unavailable, sqlite3.Error) as error:
                _log.warning("output %s: %s", self.name, error)
                self._stopping.wait(_LOOK_EVERY_S)
                continue
            if not self._stopping.is_set():
                (self._again if self._tries.failures else self._news).wait(pause_s)

    def _tell(self, number: int, notice: Notice) -> bool:
        """Tell one part; False where it has to wait."""
        try:
            self._receiver.tell(notice)
        except (Rejected, Unavailable) as error:
            return self._failed(number, notice, error)
        self._told, self._tries, self.problem = number, Tries(), ""
        self._mend()
        self._save_when_due()
        return True

    def _failed(self, number: int, notice: Notice, error: LinesideError) -> bool:
        """Note the failure; True where the part is given up."""
        self._tries = self._tries.after(error)
        self.problem = str(error)
        if self._tries.exhausted:
            self._skip(number, notice)
            return True
        if self._tries.worth_a_fault:
            self._break(self.problem)
        return False

    def _skip(self, number: int, notice: Notice) -> None:
        database = self._journal.database
        with database.transaction():
            database.run("raise_tally", name=f"output.{self.name}.skipped", by=1)
            database.run("set_counter", name=self._cursor, value=number)
        self._told = self._saved = number
        self._tries = Tries()
        self._break(f"part {notice.seq} of {notice.boot} was refused and skipped: {self.problem}")

    def _break(self, detail: str) -> None:
        """Tell the fleet that the receiver gives trouble, once until it is well again; a restart changes nothing."""
        if self._faulty:
            return
        _log.error("output %s: %s", self.name, detail)
        self._set(self._fault_flag, 1)
        self._journal.fault(self._fault_code, True, detail, self._clock.wall_ms())
        self._faulty = True

    def _mend(self) -> None:
        if self._faulty:
            self._journal.fault(self._fault_code, False, "", self._clock.wall_ms())
            self._set(self._fault_flag, 0)
            self._faulty = False

    def _save_when_due(self) -> None:
        """Write the cursor twice a second at most: each write is one that the hot process may have to wait for."""
        if self._clock.monotonic() - self._saved_at >= _SAVE_EVERY_S:
            self._save()

    def _save(self) -> None:
        self._saved_at = self._clock.monotonic()
        if self._told != self._saved:
            self._set(self._cursor, self._told)
            self._saved = self._told

    def _first(self) -> int:
        """Return the cursor. A new receiver hears of what finished since the station was started, and of nothing older.

        What has been finished since is known by the boot: the hot process may have begun before this one.
        """
        known = self._counter(self._cursor)
        if known is not None:
            return known
        row = self._journal.database.row("finished_before_boot", boot=str(self._journal.boot))
        first = int(row[0]) if row else 0
        self._set(self._cursor, first)
        return first

    def _counter(self, name: str) -> int | None:
        row = self._journal.database.row("read_counter", name=name)
        return int(row[0]) if row else None

    def _set(self, name: str, value: int) -> None:
        with self._journal.database.transaction():
            self._journal.database.run("set_counter", name=name, value=value)


def _notice(fields: list[Any]) -> Notice:
    """Return the notice of a row of the query `finished_parts`."""
    part, boot, seq, serial, final, reason, label, score, bundle, decided_ms, message, detail = fields
    return Notice(
        part=part,
        boot=boot,
        seq=seq,
        serial=serial,
        verdict=final,
        reason=reason,
        label=label,
        score=score,
        bundle=bundle,
        at=utc(decided_ms or 0),
        id=message,
        detail=detail,
    )
