"""The registers between PLC and station: what is written is what is read, and nothing read can break the station."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.plc import (
    CODES,
    DETAILS,
    ORDER_REGISTERS,
    REPORT_REGISTERS,
    SEQUENCES,
    Command,
    Disposition,
    Order,
    PlcPart,
    Report,
    Status,
    before,
    between,
    following,
    order_of,
    order_registers,
    report_of,
    report_registers,
)
from edge_agent.contracts.verdict import Detail, Reason

WORDS = st.integers(0, 65_535)
SERIALS = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=32)
SEQUENCE = st.integers(1, SEQUENCES)


@given(WORDS, WORDS, WORDS, WORDS, SERIALS, st.sampled_from(Disposition))
def test_an_order_is_read_as_it_was_written(
    sequence: int, heartbeat: int, echo: int, run: int, serial: str, disposition: Disposition
) -> None:
    order = Order(Command.TRIGGER | Command.ACK, sequence, heartbeat, 3, echo, disposition, run, serial)
    registers = order_registers(order)
    assert len(registers) == ORDER_REGISTERS
    assert all(0 <= word <= 65_535 for word in registers)
    assert order_of(registers) == order


@given(WORDS, WORDS, WORDS)
def test_a_report_is_read_as_it_was_written(heartbeat: int, sequence: int, boot: int) -> None:
    report = Report(Status.READY | Status.RESULT_VALID | Status.PASS, heartbeat, sequence, 21, sequence, 2, boot, 3)
    registers = report_registers(report)
    assert len(registers) == REPORT_REGISTERS
    assert report_of(registers) == report


@given(st.lists(WORDS, min_size=ORDER_REGISTERS, max_size=ORDER_REGISTERS))
def test_any_registers_are_an_order(registers: list[int]) -> None:
    order = order_of(registers)
    assert len(order.serial) <= 32
    assert order.serial.isprintable()
    assert order.command in range(8)


def test_a_long_serial_is_refused() -> None:
    with pytest.raises(ValueError, match="32 characters"):
        order_registers(Order(serial="x" * 33))


@given(SEQUENCE, st.integers(0, 2000))
def test_what_was_missed_is_what_lies_between(last: int, missed: int) -> None:
    now = last
    for _ in range(missed + 1):
        now = following(now)
    assert between(last, now) == missed
    parts = before(PlcPart(7, now), missed)
    assert len(parts) == missed
    if parts:
        assert parts[0] == PlcPart(7, following(last))
        assert following(parts[-1].sequence) == now


def test_every_reason_has_a_code_of_its_own() -> None:
    assert set(CODES) == set(Reason)
    assert len(set(CODES.values())) == len(CODES)


def test_every_detail_has_a_number_of_its_own_and_none_is_zero() -> None:
    assert set(DETAILS) == set(Detail)
    assert len({0, *DETAILS.values()}) == len(DETAILS) + 1
