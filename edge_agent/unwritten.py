"""Parts that a full disk kept out of the journal, in the order in which they came, until there is room again."""

from __future__ import annotations

from collections import deque

from edge_agent.capture.triggers import Trigger
from edge_agent.clock import Clock
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.journal.journal import Decision, Journal, PartKey

MOST = 10_000
"""So many parts are remembered; those beyond are only counted, as `part.unrecorded`."""


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
