"""What says that a part has come, whoever says it: messages, a PLC by number, the clock. One part at a time goes on."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.capture.triggers import Interval, MessageIds, Taken, Trigger, TriggerQueue
from edge_agent.channel import Message
from edge_agent.clock import Clock
from edge_agent.config import AnyTrigger
from edge_agent.contracts.plc import Disposition, PlcPart, before
from edge_agent.contracts.verdict import Reason
from edge_agent.journal.journal import Journal
from edge_agent.unwritten import Owed

_COUNT_EVERY_S = 1.0
_MESSAGES = 500
"""Ids of triggers' messages that are remembered, over restarts too."""


class Intake:
    """Counts every trigger: queued for inspection, bounced, repeated, or refused as a rejected part.

    Parts that a PLC numbers are written down in its order, whatever becomes of them: after a kill the journal's last
    number tells which parts are missing.
    """

    def __init__(
        self,
        config: AnyTrigger,
        journal: Journal,
        refuse: Callable[[Trigger, Reason], None],
        clock: Clock,
        bounced: Callable[[Trigger], None] = lambda trigger: None,
    ) -> None:
        """`refuse` rejects a part unseen; `bounced` hears of a trigger that made no part."""
        self._bounced = bounced
        self._config, self._journal, self._refuse, self._clock = config, journal, refuse, clock
        self._queue = TriggerQueue(config.depth, config.debounce_ms / 1e3)
        self._messages = MessageIds([], _MESSAGES)
        self._ticks: Interval | None = None
        self._plc_heard = False
        self._owed = Owed()
        self._overtaken: int | None = None
        self._counted = float("-inf")

    def start(self) -> None:
        """Remember the messages that were heard before a restart, and start the clock's ticks."""
        self._messages = MessageIds(self._journal.last_messages(_MESSAGES), _MESSAGES)
        if self._config.kind == "interval":
            self._ticks = Interval(self._config.every_ms / 1e3, self._clock.monotonic())

    def take(self, inspecting: bool, overtaken: int = 0) -> Trigger | None:
        """Return the next part's trigger; the clock makes parts only while the station is `inspecting`.

        `overtaken` is how many of the camera's frames so far gave way to a newer one: where each frame is a part, they
        are counted.
        """
        self._owed.pay()
        self._count_overtaken(overtaken if inspecting and self._config.kind == "continuous" else None)
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
        """Whether another part waits for its turn, or the clock's next tick has come."""
        ticked = self._ticks is not None and self._ticks.next_at <= self._clock.monotonic()
        return self._queue.waiting or ticked

    def hear(self, message: Message) -> None:
        """Take a `trigger` message: `id`, `at`, `serial`, `recipe`, `request`; from a PLC `plc` and `missed`."""
        asked = str(message.get("id", ""))
        if self._messages.repeated(asked):
            self._count("trigger.repeated")
            return
        at = float(message.get("at", self._clock.monotonic()))
        part = PlcPart(*message["plc"]) if message.get("plc") else None
        if part is not None:
            self._missed(at, part, int(message["missed"]))
        request = str(message["request"]) if "request" in message else None
        recipe = str(message.get("recipe", ""))
        self._offer(Trigger(at, str(message.get("serial", ""))[:200], request, part, asked, recipe))

    def disposed(self, message: Message) -> None:
        """Take a `plc_acted` message: what the PLC did with a `plc` part."""
        part, disposition = PlcPart(*message["plc"]), Disposition(message["disposition"])
        self._owed.write(lambda: self._journal.disposed(part, disposition))

    def _count_overtaken(self, overtaken: int | None) -> None:
        """Count, once a second, the frames that were parts and judged by nobody; None while frames are no parts."""
        now = self._clock.monotonic()
        if overtaken is None or self._overtaken is None:
            self._overtaken = overtaken
        elif overtaken > self._overtaken and now - self._counted >= _COUNT_EVERY_S:
            self._count("frame.overtaken", overtaken - self._overtaken)
            self._overtaken, self._counted = overtaken, now

    def _count(self, name: str, by: int = 1) -> None:
        self._owed.write(lambda: self._journal.raise_tally(name, by))

    def _missed(self, at: float, part: PlcPart, count: int) -> None:
        """Reject the parts whose triggers nobody saw: the first ones came while the station was down."""
        reason = Reason.OVERRUN if self._plc_heard else Reason.NOT_READY
        self._plc_heard = True
        for earlier in before(part, count):
            self._queue.refuse(Trigger(at, plc=earlier), reason)

    def _offer(self, trigger: Trigger) -> None:
        taken = self._queue.offer(trigger)
        if taken is Taken.BOUNCED:
            self._count("trigger.bounced")
            self._bounced(trigger)
        elif taken is Taken.OVERRUN and trigger.plc is not None:
            self._queue.refuse(trigger, Reason.OVERRUN)
        elif taken is Taken.OVERRUN:
            self._refuse(trigger, Reason.OVERRUN)
