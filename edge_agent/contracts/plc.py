"""The registers through which a PLC and the station hand parts to each other (docs/formats/plc.md).

Two blocks of Modbus holding registers, both kept by the PLC: it writes `Order`, the station reads it; the station
writes `Report`, the PLC reads it. Sequence numbers, not edges of single bits, say which part is meant, so that a lost
poll or a restart on either side counts no part twice and misses none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import NamedTuple

from edge_agent.contracts.verdict import Detail, Reason

ORDER_REGISTERS = 24
REPORT_OFFSET = 32
REPORT_REGISTERS = 8
SERIAL_CHARACTERS = 32
SEQUENCES = 65_535
"""Sequence numbers run from 1 to this and begin again at 1; 0 means none."""

_SERIAL_AT = 8
_BYTE = 0xFF
_WORD = 0xFFFF


class Command(IntFlag):
    """Bits of the order's first register."""

    TRIGGER = 1
    ACK = 2
    RESET = 4


class Status(IntFlag):
    """Bits of the report's first register. Without `RESULT_VALID` the bit `PASS` is never set."""

    READY = 1
    BUSY = 2
    RESULT_VALID = 4
    PASS = 8
    FAULT = 16
    REVIEW = 32


NO_COMMAND, NO_STATUS = Command(0), Status(0)


class Disposition(IntEnum):
    """What the PLC did with a part."""

    NONE = 0
    ACCEPTED = 1
    REJECTED = 2
    NO_RESULT = 3
    """Rejected, since no result came in time."""


CODES: dict[Reason, int] = {
    Reason.MODEL: 0,
    Reason.OPERATOR: 1,
    Reason.UNSURE: 10,
    Reason.TIMEOUT: 11,
    Reason.LATE: 12,
    Reason.OVERRUN: 13,
    Reason.NO_IMAGE: 20,
    Reason.BAD_IMAGE: 21,
    Reason.FROZEN_IMAGE: 22,
    Reason.MODEL_ERROR: 30,
    Reason.NOT_READY: 31,
    Reason.CRASH: 32,
    Reason.DISK_FULL: 33,
    Reason.CHALLENGE: 40,
    Reason.NO_ID: 41,
    Reason.DUPLICATE_ID: 42,
}
"""What stands in the report's code register for each reason. Numbers are never given to another reason."""

DETAILS: dict[Detail, int] = {
    Detail.BLACK: 1,
    Detail.SATURATED: 2,
    Detail.BLURRED: 3,
    Detail.TORN: 4,
    Detail.ABSENT: 10,
    Detail.UNPLUGGED: 11,
    Detail.SILENT: 12,
    Detail.SETTINGS: 13,
}
"""What stands in the detail register beside the codes 20 and 21; 0 where there is no more to say."""


class PlcPart(NamedTuple):
    """A part as the PLC counts it: its run and its sequence number in that run."""

    run: int
    sequence: int


@dataclass(frozen=True)
class Order:
    """What the PLC says. `recipe` 0 asks for no change; `serial` is at most 32 ASCII characters.

    `run` changes whenever the PLC begins to count anew, so that a gap in the sequence is a missed part and a counter
    set back is none. `echo` is the last part the PLC has acted on, `disposition` what it did with it.
    """

    command: Command = NO_COMMAND
    sequence: int = 0
    heartbeat: int = 0
    recipe: int = 0
    echo: int = 0
    disposition: Disposition = Disposition.NONE
    run: int = 0
    serial: str = ""


@dataclass(frozen=True)
class Report:
    """What the station says.

    `sequence` is the part that `RESULT_VALID` and `code` speak of; `taken` the last trigger taken into the journal;
    `recipe` the number of the recipe in force, 0 while none is; `boot` changes with each start of the station.
    `detail` says more of `code`: see `DETAILS`.
    """

    status: Status = NO_STATUS
    heartbeat: int = 0
    sequence: int = 0
    code: int = 0
    taken: int = 0
    recipe: int = 0
    boot: int = 0
    detail: int = 0


def following(sequence: int) -> int:
    """Return the sequence number after this one."""
    return sequence % SEQUENCES + 1


def between(last: int, now: int) -> int:
    """Return how many parts lie between two triggers: 0 where `now` follows `last`. Both 1..65535."""
    return (now - last - 1) % SEQUENCES


def before(part: PlcPart, count: int) -> list[PlcPart]:
    """Return the `count` parts that came right before this one, the oldest first."""
    return [PlcPart(part.run, (part.sequence - 1 - back) % SEQUENCES + 1) for back in range(count, 0, -1)]


def order_of(registers: Sequence[int]) -> Order:
    """Read the PLC's 24 registers. What is no disposition or no ASCII counts as none, a longer serial is cut."""
    command, sequence, heartbeat, recipe, echo, disposition, run, length = registers[:_SERIAL_AT]
    known = disposition in tuple(Disposition)
    return Order(
        Command(command & (Command.TRIGGER | Command.ACK | Command.RESET)),
        sequence,
        heartbeat,
        recipe,
        echo,
        Disposition(disposition) if known else Disposition.NONE,
        run,
        _text(registers[_SERIAL_AT:ORDER_REGISTERS], length),
    )


def order_registers(order: Order) -> list[int]:
    """Return the order as the PLC writes it. Raises ValueError for a serial that does not fit."""
    data = order.serial.encode("ascii")
    if len(data) > SERIAL_CHARACTERS:
        raise ValueError(f"a serial has at most {SERIAL_CHARACTERS} characters, this one {len(data)}")
    padded = data.ljust(SERIAL_CHARACTERS, b"\0")
    words = [(padded[at] << 8) | padded[at + 1] for at in range(0, SERIAL_CHARACTERS, 2)]
    head = [int(order.command), order.sequence, order.heartbeat, order.recipe, order.echo, int(order.disposition)]
    return [*head, order.run, len(data), *words]


def report_of(registers: Sequence[int]) -> Report:
    """Read the station's eight registers."""
    status, *words = registers[:REPORT_REGISTERS]
    return Report(Status(status), *words)


def report_registers(report: Report) -> list[int]:
    """Return the report as the station writes it."""
    words = (report.heartbeat, report.sequence, report.code, report.taken, report.recipe, report.boot, report.detail)
    return [int(report.status), *(word & _WORD for word in words)]


def _text(words: Sequence[int], length: int) -> str:
    data = bytes(byte for word in words for byte in ((word >> 8) & _BYTE, word & _BYTE))
    text = data[: min(length, SERIAL_CHARACTERS)].decode("ascii", "replace")
    return "".join(letter for letter in text if letter.isprintable() and letter != "\N{REPLACEMENT CHARACTER}").strip()
