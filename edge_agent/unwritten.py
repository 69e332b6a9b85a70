"""What a full disk keeps from being written down: owed to the journal, and paid as soon as it takes anything again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from edge_agent.clock import Clock
from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.journal.journal import Decision, Journal, PartKey

_AGAIN_S = 1.0
_OWED_MAX = 1000


class Unwritten:
    """Parts that were rejected while nothing could be written: those that have a row, and those that have none."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._undecided: list[PartKey] = []
        self._unrecorded = 0
        self._tried = float("-inf")

    def undecided(self, part: PartKey) -> None:
        """Remember a part whose verdict could not be written."""
        self._undecided.append(part)

    def unrecorded(self) -> None:
        """Count a part that could not be written at all."""
        self._unrecorded += 1

    def catch_up(self) -> None:
        """Write what is owed. Raises Unavailable where that cannot be done yet."""
        while self._undecided:
            key = self._undecided[0]
            if self._journal.decide(key, Decision(Verdict.REJECT, Reason.DISK_FULL), self._clock.wall_ms()):
                self._journal.driven(key.id)
            self._undecided.pop(0)
        if self._unrecorded:
            self._journal.raise_tally("part.unrecorded", self._unrecorded)
            self._unrecorded = 0

    def is_over(self) -> bool:
        """Try, once a second, whether the journal takes something again; no part may come that would show it.

        A PLC sends none before the station is ready.
        """
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


class Owed:
    """Small facts beside the parts, such as counts: written at once, or when there is room; the oldest go first."""

    def __init__(self) -> None:
        self._writes: deque[Callable[[], object]] = deque(maxlen=_OWED_MAX)

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
