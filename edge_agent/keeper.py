"""The hot process's second thread: deadlines that nobody may miss, whatever the first thread is doing.

It rejects held parts whose time is up, moves the output for parts that a person decided, rejects the part in the
first thread's hands when that hangs, notes since when the station is ready, and tidies the write-ahead log. It has its
own connection to the journal.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from edge_agent.clock import Clock
from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.journal import reviews
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Decision, Journal, PartKey
from edge_agent.journal.tidying import EVERY_S, Tidying
from edge_agent.journal.uptime import Uptime
from edge_agent.outputs.output import Outcome, Output

_LOOK_EVERY_S = 0.05
_GRACE_S = 0.005
_log = logging.getLogger("lineside.keeper")


class InFlight(NamedTuple):
    """The part that is being judged; `deadline` on the monotonic clock."""

    key: PartKey
    serial: str
    deadline: float


class Keeper:
    """Keeps deadlines. `watch` is told the part in hand and None once it is decided; `held`: one waits for a person."""

    def __init__(self, database: Database, boot: UUID, output: Output, clock: Clock) -> None:
        self._journal = Journal(database, boot)
        self._output = output
        self._clock = clock
        self._in_flight: InFlight | None = None
        self.held = False
        self.uptime = Uptime(database, boot, clock)
        self._closing = False
        self._wake = threading.Event()
        self._tidying, self._tidied = Tidying(database), clock.monotonic()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin to keep deadlines."""
        self._thread.start()

    def close(self) -> None:
        """Stop; open reviews stay open for the next start."""
        self._closing = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(5.0)
        self.uptime.close()
        self._journal.database.close()

    def watch(self, part: InFlight | None) -> None:
        """Note the part that is being judged now."""
        self._in_flight = part

    def look(self) -> None:
        """Look at once: a person has answered."""
        self._wake.set()

    def _run(self) -> None:
        said = ""
        while not self._closing:
            self._wake.wait(self._pause_s())
            self._wake.clear()
            try:
                self.step()
                said = ""
            except (Unavailable, sqlite3.Error) as error:
                if str(error) != said:
                    _log.warning("%s", error)
                said = str(error)

    def _pause_s(self) -> float:
        part = self._in_flight
        if part is None:
            return _LOOK_EVERY_S
        return min(_LOOK_EVERY_S, max(0.001, part.deadline + _GRACE_S - self._clock.monotonic()))

    def step(self) -> None:
        """Do everything that is due now."""
        now = self._clock.monotonic()
        self._reject_late(now)
        reviews.expire(self._journal, self._clock.wall_ms(), now)
        self.held = bool(self._journal.database.rows("any_review"))
        for part_id, _ in self._journal.database.rows("reviews_to_drive", boot=str(self._journal.boot)):
            self._drive_reviewed(part_id)
        self.uptime.step()
        if now - self._tidied >= EVERY_S:
            self._tidied = now
            self._tidying.step()

    def _reject_late(self, now: float) -> None:
        part = self._in_flight
        if part is None or now < part.deadline + _GRACE_S:
            return
        self._in_flight = None
        decision = Decision(Verdict.REJECT, Reason.LATE)
        if self._journal.decide(part.key, decision, self._clock.wall_ms()):
            self._drive(part.key, part.serial, Verdict.REJECT, Reason.LATE)

    def _drive_reviewed(self, part_id: int) -> None:
        row = self._journal.part(part_id)
        key = PartKey(part_id, self._journal.boot, row.seq, self._journal.plc_part(part_id))
        self._drive(key, row.serial, Verdict(row.final), Reason(row.reason))

    def _drive(self, key: PartKey, serial: str, verdict: Verdict, reason: Reason) -> None:
        drive(self._journal, self._output, key.id, Outcome(str(key.boot), key.seq, serial, verdict, reason, key.plc))


def drive(
    journal: Journal, output: Output, part_id: int, outcome: Outcome, note: Callable[[int], None] | None = None
) -> bool:
    """Move the output for a part whose verdict is in the journal, once; False where the other side was away.

    `note` hears of the part when it has moved, instead of the journal at once. A part whose output failed is marked
    `unknown` and never driven again: the machine behind the station has gone on.
    """
    try:
        output.drive(outcome)
    except Unavailable as error:
        _log.warning("part %d: %s", outcome.seq, error)
        journal.output_unknown(part_id)
        return False
    (note or journal.driven)(part_id)
    return True
