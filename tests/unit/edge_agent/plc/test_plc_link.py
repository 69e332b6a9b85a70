"""The link carries the handshake; its registers are a list in memory here."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.clock import SYSTEM
from edge_agent.config import PlcConfig
from edge_agent.contracts.plc import Command, Order, PlcPart, Status, order_registers, report_of
from edge_agent.plc.handshake import Answer, Event, Handshake, State, Triggered
from edge_agent.plc.link import PlcLink


class Memory:
    """Registers of a PLC that has just raised its first trigger, three parts after those that are known."""

    def __init__(self) -> None:
        self.written: list[int] = []

    def read(self) -> list[int]:
        return order_registers(Order(Command.TRIGGER, 4, run=9))

    def write(self, values: Sequence[int]) -> None:
        self.written = list(values)

    def close(self) -> None:
        pass


def test_a_verdict_given_within_the_first_poll_reaches_the_plc() -> None:
    memory = Memory()
    state = State(ready=True, fault=False, review=False, heartbeat=1, recipe=0)

    def answer_at_once(event: Event, now: float) -> None:
        assert isinstance(event, Triggered)
        link.answer(Answer(event.part, True, 0))

    handshake = Handshake(5, PlcPart(9, 3))
    link = PlcLink(memory, handshake, PlcConfig(host="none"), lambda: state, answer_at_once, SYSTEM, lambda: 0.0)
    link.step()
    report = report_of(memory.written)
    assert Status.RESULT_VALID in report.status
    assert report.sequence == 4
