"""The station's side of the handshake: events become messages to the hot loop, verdicts become answers."""

from __future__ import annotations

import random
from collections.abc import Callable
from uuid import UUID

from edge_agent.channel import Message
from edge_agent.clock import Clock
from edge_agent.config import PlcConfig
from edge_agent.contracts.plc import CODES, DETAILS, PlcPart
from edge_agent.contracts.verdict import Verdict
from edge_agent.outputs.output import Outcome
from edge_agent.plc.handshake import Acted, Answer, Event, Handshake, RecipeWanted, State, Triggered
from edge_agent.plc.link import ModbusRegisters, PlcLink

_WORD = 0xFFFF


class PlcDesk:
    """Speaks with the PLC for the hot loop; it is an output, too. `deliver` puts a message into the loop's inbox.

    Messages: `trigger` with `serial`, `at`, `plc` (run, sequence), `missed` and `recipe`; `plc_acted` with `plc` and
    `disposition`; `recipe_wanted` with `number`.
    """

    def __init__(
        self,
        config: PlcConfig,
        boot: UUID,
        last: PlcPart | None,
        state: Callable[[], State],
        deliver: Callable[[Message], None],
        clock: Clock,
    ) -> None:
        self._deliver = deliver
        handshake = Handshake(boot.int & _WORD, last)
        self._link = PlcLink(ModbusRegisters(config), handshake, config, state, self._heard, clock, random.random)

    @property
    def fault(self) -> str:
        """Why the PLC is away, "" while it is there."""
        return self._link.fault

    def start(self) -> None:
        """Begin to poll."""
        self._link.start()

    def written(self, part: PlcPart) -> None:
        """Tell the PLC that the part it sent is in the journal."""
        self._link.written(part)

    def drive(self, outcome: Outcome) -> None:
        """Answer for a part that the PLC sent. Raises Unavailable while the PLC is away."""
        if outcome.plc is not None:
            passed = outcome.verdict is Verdict.ACCEPT
            detail = DETAILS[outcome.detail] if outcome.detail is not None else 0
            self._link.answer(Answer(outcome.plc, passed, CODES[outcome.reason], detail))

    def close(self) -> None:
        """Stop polling."""
        self._link.close()

    def _heard(self, event: Event, now: float) -> None:
        self._deliver(_message(event, now))


def _message(event: Event, now: float) -> Message:
    match event:
        case Triggered(part, serial, missed, recipe):
            told = {"plc": list(part), "missed": missed, "recipe": str(recipe or "")}
            return {"kind": "trigger", "serial": serial, "at": now, **told}
        case Acted(part, disposition):
            return {"kind": "plc_acted", "plc": list(part), "disposition": int(disposition)}
        case RecipeWanted(number):
            return {"kind": "recipe_wanted", "number": number}
