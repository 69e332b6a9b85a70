"""Who says what when, between PLC and station. No I/O, no threads: orders and answers in, events and reports out.

A part's life on the wire: the PLC raises TRIGGER with a new sequence number; the station takes it (BUSY, `taken`),
judges, and shows one result at a time with RESULT_VALID; the PLC acts, sets `echo` and ACK; the station takes the
result away; the PLC drops ACK. Results wait for each other in the order in which they were decided. RESET ends all
that is under way, as after a cleared jam: nothing of it is answered any more.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from edge_agent.contracts.plc import NO_STATUS, Command, Disposition, Order, PlcPart, Report, Status, between

MISSED_MAX = 1000
"""A larger gap between two triggers is no row of missed parts but a counter that was set by hand."""


@dataclass(frozen=True)
class Triggered:
    """A part of recipe `recipe` has come, and before it `missed` parts came and went while nobody looked."""

    part: PlcPart
    serial: str
    missed: int
    recipe: int = 0


@dataclass(frozen=True)
class Acted:
    """The PLC says what it did with a part."""

    part: PlcPart
    disposition: Disposition


@dataclass(frozen=True)
class RecipeWanted:
    """The PLC asks for another recipe; 0: for none any more."""

    number: int


Event = Triggered | Acted | RecipeWanted


@dataclass(frozen=True)
class Answer:
    """A part's final verdict as the PLC is told it."""

    part: PlcPart
    passed: bool
    code: int
    detail: int = 0


@dataclass(frozen=True)
class State:
    """How the station is, apart from the part in hand. `recipe` is the number in force."""

    ready: bool
    fault: bool
    review: bool
    heartbeat: int
    recipe: int


class Handshake:
    """One PLC's conversation. `last` is the last of its parts that the journal knows, None without one."""

    def __init__(self, boot: int, last: PlcPart | None) -> None:
        self._boot = boot
        self._last = last
        self._written = last
        self._echoed: PlcPart | None = None
        self._recipe = 0
        self._open: set[PlcPart] = set()
        self._answers: deque[Answer] = deque()
        self._shown: Answer | None = None
        self._acknowledging = False
        self._resetting = False

    def hear(self, order: Order) -> list[Event]:
        """Take what the PLC says now, and return what is new in it."""
        events: list[Event] = []
        self._reset(Command.RESET in order.command)
        echo = PlcPart(order.run, order.echo)
        if order.echo and order.disposition and self._echoed != echo:
            self._echoed = echo
            events.append(Acted(echo, order.disposition))
            if order.disposition is Disposition.NO_RESULT:
                self._forget(echo)
        if order.recipe != self._recipe:
            self._recipe = order.recipe
            events.append(RecipeWanted(order.recipe))
        part = PlcPart(order.run, order.sequence)
        wanted = Command.TRIGGER in order.command and not self._resetting
        if wanted and order.sequence and part != self._last:
            events.append(self._take(part, order))
        self._turn(order)
        return events

    def _take(self, part: PlcPart, order: Order) -> Triggered:
        """Take a part; what was open in an earlier run of the PLC nobody waits for any more."""
        missed = 0
        if self._last is not None and self._last.run == part.run:
            gap = between(self._last.sequence, part.sequence)
            missed = gap if gap <= MISSED_MAX else 0
        else:
            self._drop()
        self._last = part
        self._open.add(part)
        return Triggered(part, order.serial, missed, order.recipe)

    def _reset(self, asked: bool) -> None:
        """Forget once what is under way; while RESET stays on, no part is taken."""
        if asked and not self._resetting:
            self._drop()
        self._resetting = asked

    def _forget(self, part: PlcPart) -> None:
        """Answer no more for a part on which the PLC gave up: after a stall that would make the next ones late, too."""
        self._open.discard(part)
        self._answers = deque(answer for answer in self._answers if answer.part != part)

    def _drop(self) -> None:
        self._open.clear()
        self._answers.clear()
        self._shown = None

    def _turn(self, order: Order) -> None:
        """Take an acknowledged result away; show the next one once the PLC has dropped its acknowledgement."""
        self._acknowledging = Command.ACK in order.command
        if self._shown is not None and self._acknowledging and order.echo == self._shown.part.sequence:
            self._shown = None
        self._show_next()

    def _show_next(self) -> None:
        if self._shown is None and not self._acknowledging and self._answers:
            self._shown = self._answers.popleft()

    def written(self, part: PlcPart) -> None:
        """Tell the PLC that a part is in the journal; only then may it let go of its trigger."""
        self._written = part

    def answer(self, answer: Answer) -> None:
        """Tell a part's verdict as soon as those before it were acknowledged; a part not open is not answered."""
        if answer.part not in self._open:
            return
        self._open.discard(answer.part)
        self._answers.append(answer)
        self._show_next()

    def report(self, state: State) -> Report:
        """Return what the PLC is shown now."""
        shown = self._shown
        status = Status.READY if state.ready else NO_STATUS
        status |= Status.FAULT if state.fault else NO_STATUS
        status |= Status.REVIEW if state.review else NO_STATUS
        status |= Status.BUSY if self._open or self._answers else NO_STATUS
        if shown is not None:
            status |= Status.RESULT_VALID | (Status.PASS if shown.passed else NO_STATUS)
        return Report(
            status,
            state.heartbeat,
            shown.part.sequence if shown is not None else 0,
            shown.code if shown is not None else 0,
            self._written.sequence if self._written is not None else 0,
            state.recipe,
            self._boot,
            shown.detail if shown is not None else 0,
        )
