"""What says that a part has come, whoever says it: messages, a PLC by number, the clock. One part at a time goes on."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.capture.triggers import Interval, MessageIds, Taken, Trigger, TriggerQueue
from edge_agent.channel import Message
from edge_agent.clock import Clock
from edge_agent.config import AnyTrigger
from edge_agent.contracts.plc import PlcPart, before
from edge_agent.contracts.verdict import Reason
from edge_agent.journal.journal import Journal
from edge_agent.unwritten import Notes

_MESSAGES = 500
"""Ids of triggers' messages that are remembered, over restarts too."""


class Intake:
    """Counts every trigger: queued for inspection, bounced, repeated, or refused as a rejected part.

    Parts that a PLC numbers are written down in its order, whatever becomes of them: after a kill the journal's last
    number tells which parts are missing.
    """

    def __init__(
        self, config: AnyTrigger, journal: Journal, refuse: Callable[[Trigger, Reason], None], clock: Clock
    ) -> None:
        self._config, self._journal, self._refuse, self._clock = config, journal, refuse, clock
        self._queue = TriggerQueue(config.depth, config.debounce_ms / 1e3)
        self._messages = MessageIds([], _MESSAGES)
        self._ticks: Interval | None = None
        self._plc_heard = False
        self._notes = Notes()

    def start(self) -> None:
        """Remember the messages that were heard before a restart, and start the clock's ticks."""
        self._messages = MessageIds(self._journal.last_messages(_MESSAGES), _MESSAGES)
        if self._config.kind == "interval":
            self._ticks = Interval(self._config.every_ms / 1e3, self._clock.monotonic())

    def take(self, inspecting: bool) -> Trigger | None:
        """Return the next part's trigger; the clock makes parts only while the station is `inspecting`."""
        if self._ticks is not None:
            now = self._clock.monotonic()
            if not inspecting:
                self._ticks.restart(now)
            for tick in self._ticks.due(now):
                self._offer(tick)
        while (turn := self._queue.take()) is not None and turn.refused is not None:
            self._refuse(turn.trigger, turn.refused)
        return turn.trigger if turn is not None else None

    @property
    def waiting(self) -> bool:
        """Whether another part waits for its turn."""
        return self._queue.waiting

    def hear(self, message: Message) -> None:
        """Take a `trigger` message: `id`, `at`, `serial`, `request`, and `plc` with `missed` where a PLC sent it."""
        asked = str(message.get("id", ""))
        if self._messages.repeated(asked):
            self._notes.write(lambda: self._journal.raise_tally("trigger.repeated"))
            return
        at = float(message.get("at", self._clock.monotonic()))
        part = PlcPart(*message["plc"]) if message.get("plc") else None
        if part is not None:
            self._missed(at, part, int(message["missed"]))
        request = str(message["request"]) if "request" in message else None
        self._offer(Trigger(at, str(message.get("serial", ""))[:200], request, part, asked))

    def _missed(self, at: float, part: PlcPart, count: int) -> None:
        """Reject the parts whose triggers nobody saw: the first ones came while the station was down."""
        reason = Reason.OVERRUN if self._plc_heard else Reason.NOT_READY
        self._plc_heard = True
        for earlier in before(part, count):
            self._queue.refuse(Trigger(at, plc=earlier), reason)

    def _offer(self, trigger: Trigger) -> None:
        taken = self._queue.offer(trigger)
        if taken is Taken.BOUNCED:
            self._notes.write(lambda: self._journal.raise_tally("trigger.bounced"))
        elif taken is Taken.OVERRUN and trigger.plc is not None:
            self._queue.refuse(trigger, Reason.OVERRUN)
        elif taken is Taken.OVERRUN:
            self._refuse(trigger, Reason.OVERRUN)
