"""What a full disk kept out of the journal, in the order in which it came, until there is room again."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from edge_agent.capture.triggers import Trigger
from edge_agent.clock import Clock
from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.journal.journal import Decision, Journal, PartKey

MOST = 10_000
"""So many parts are remembered; those beyond are only counted, as `part.unrecorded`."""
_log = logging.getLogger("lineside.unwritten")


class Notes:
    """What no part waits for; what cannot be written now is written with the next that comes."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque(maxlen=MOST)

    def write(self, statement: Callable[[], None]) -> None:
        """Run a statement on the journal, after those that wait."""
        self._waiting.append(statement)
        try:
            while self._waiting:
                self._waiting[0]()
                self._waiting.popleft()
        except Unavailable as error:
            _log.warning("%d notes wait: %s", len(self._waiting), error)


class Unwritten:
    """Remembers what must still be written: all of it as rejects for this reason, for so the output was told."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._undecided: deque[PartKey] = deque()
        self._unrecorded: deque[Trigger] = deque()
        self._beyond = 0

    def undecided(self, key: PartKey) -> None:
        """Remember a part that is in the journal without its verdict."""
        self._undecided.append(key)

    def unrecorded(self, trigger: Trigger) -> None:
        """Remember a part that is not in the journal at all."""
        if len(self._unrecorded) < MOST:
            self._unrecorded.append(trigger)
        else:
            self._beyond += 1

    def catch_up(self) -> None:
        """Write everything down, each thing once. Raises Unavailable where there is still no room."""
        self._decide()
        while self._unrecorded:
            trigger = self._unrecorded[0]
            key = self._journal.trigger(trigger.serial, self._clock.wall_ms(), trigger.plc, trigger.message)
            self._unrecorded.popleft()
            self._undecided.append(key)
            self._decide()
        if self._beyond:
            self._journal.raise_tally("part.unrecorded", self._beyond)
            self._beyond = 0

    def _decide(self) -> None:
        while self._undecided:
            key = self._undecided[0]
            if self._journal.decide(key, Decision(Verdict.REJECT, Reason.DISK_FULL), self._clock.wall_ms()):
                self._journal.driven(key.id)
            self._undecided.popleft()
