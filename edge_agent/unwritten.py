"""What a full disk keeps from being written down: owed to the journal, and paid as soon as it takes anything again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from edge_agent.capture.triggers import Trigger
from edge_agent.clock import Clock
from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.journal.journal import Decision, Journal, PartKey

PARTS_MAX = 10_000
"""So many parts are remembered; those beyond are only counted, as `part.unrecorded`."""

_FACTS_MAX = 10_000
_AGAIN_S = 1.0


class Unwritten:
    """Parts in the order in which they came; all become rejects for this reason, for so the output was told."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._undecided: deque[PartKey] = deque()
        self._unrecorded: deque[Trigger] = deque()
        self._beyond = 0
        self._tried = float("-inf")

    def undecided(self, key: PartKey) -> None:
        """Remember a part that is in the journal without its verdict."""
        self._tried = self._clock.monotonic()
        self._undecided.append(key)

    def unrecorded(self, trigger: Trigger) -> None:
        """Remember a part that is not in the journal at all."""
        self._tried = self._clock.monotonic()
        if len(self._unrecorded) < PARTS_MAX:
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

    def is_over(self) -> bool:
        """Try, once a second, whether the journal takes something again; no part may come that would show it."""
        now = self._clock.monotonic()
        if now - self._tried < _AGAIN_S:
            return False
        self._tried = now
        try:
            self.catch_up()
            self._journal.raise_tally("journal.stopped")
        except Unavailable:
            return False
        return True

    def _decide(self) -> None:
        while self._undecided:
            key = self._undecided[0]
            if self._journal.decide(key, Decision(Verdict.REJECT, Reason.DISK_FULL), self._clock.wall_ms()):
                self._journal.driven(key.id)
            self._undecided.popleft()


class Owed:
    """Small facts beside the parts, such as counts: written at once, or when there is room; the oldest go first."""

    def __init__(self) -> None:
        self._writes: deque[Callable[[], object]] = deque(maxlen=_FACTS_MAX)

    def write(self, fact: Callable[[], object]) -> None:
        """Write a fact, or remember to."""
        self._writes.append(fact)
        self.pay()

    def pay(self) -> None:
        """Write what is owed, as far as the disk takes it."""
        while self._writes:
            try:
                self._writes[0]()
            except Unavailable:
                return
            self._writes.popleft()
