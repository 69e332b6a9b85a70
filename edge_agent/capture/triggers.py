"""What makes a part: every frame, a fixed interval, or a request. Values only; the hot loop asks and obeys."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from edge_agent.contracts.plc import PlcPart
from edge_agent.contracts.verdict import Reason


@dataclass(frozen=True)
class Trigger:
    """A part has come. `at` on the monotonic clock in seconds; `request` goes back to whoever asked.

    `plc` is set where a PLC sent the part: it is told the verdict. `message` is the id of the message that asked.
    `recipe` is the product that the part is of, by name or by the PLC's number, "" where nobody said.
    """

    at: float
    serial: str = ""
    request: str | None = None
    plc: PlcPart | None = None
    message: str = ""
    recipe: str = ""


class Taken(str, Enum):
    """What became of a trigger."""

    QUEUED = "queued"
    BOUNCED = "bounced"
    OVERRUN = "overrun"


class Turn(NamedTuple):
    """A part whose turn has come: to be inspected, or to be rejected unseen for a reason."""

    trigger: Trigger
    refused: Reason | None


class TriggerQueue:
    """Parts that wait for their turn: at most `depth` to be inspected, none within `debounce_s` of the one before."""

    def __init__(self, depth: int, debounce_s: float) -> None:
        self.depth = depth
        self.debounce_s = debounce_s
        self._waiting: deque[Turn] = deque()
        self._last = float("-inf")

    def offer(self, trigger: Trigger) -> Taken:
        """Queue a trigger, or say why not. A bounce makes no part; an overrun makes one that is rejected.

        A PLC numbers its parts, so that two numbers are two parts however close they are.
        """
        if trigger.plc is None and trigger.at - self._last < self.debounce_s:
            return Taken.BOUNCED
        self._last = trigger.at
        if sum(turn.refused is None for turn in self._waiting) >= self.depth:
            return Taken.OVERRUN
        self._waiting.append(Turn(trigger, None))
        return Taken.QUEUED

    def refuse(self, trigger: Trigger, reason: Reason) -> None:
        """Let a part wait that is rejected unseen when those before it have had their turn."""
        self._waiting.append(Turn(trigger, reason))

    @property
    def waiting(self) -> bool:
        """Whether there is one."""
        return bool(self._waiting)

    def take(self) -> Turn | None:
        """Return the part whose turn it is."""
        return self._waiting.popleft() if self._waiting else None


class MessageIds:
    """The ids of the last messages that asked for a part, so that a message delivered twice makes one part."""

    def __init__(self, known: Iterable[str], limit: int) -> None:
        self._limit = limit
        self._ids = dict.fromkeys(known)

    def repeated(self, message: str) -> bool:
        """Return whether the id has been seen, and remember it; "" is never a repeat."""
        if not message:
            return False
        if message in self._ids:
            return True
        self._ids[message] = None
        if len(self._ids) > self._limit:
            del self._ids[next(iter(self._ids))]
        return False


class Interval:
    """A trigger every `period_s` seconds, on a fixed grid, so that a slow part does not shift the next ones."""

    def __init__(self, period_s: float, start: float) -> None:
        self.period_s = period_s
        self.next_at = start + period_s

    def due(self, now: float) -> list[Trigger]:
        """Return the triggers of all ticks up to `now`."""
        ticks = []
        while self.next_at <= now:
            ticks.append(Trigger(self.next_at))
            self.next_at += self.period_s
        return ticks

    def restart(self, now: float) -> None:
        """Forget the ticks that went by while the station was not ready."""
        self.next_at = max(self.next_at, now + self.period_s)
