"""A PLC with a conveyor, as far as the station sees it: a real Modbus TCP server and the program behind it.

`PlcProgram` is the ladder logic without any wire; `Plc` serves its registers. `scripts/plc` starts one by hand.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from edge_agent.contracts.plc import (
    REPORT_OFFSET,
    REPORT_REGISTERS,
    Command,
    Disposition,
    Order,
    Report,
    Status,
    following,
    order_registers,
    report_of,
)

_REGISTERS = REPORT_OFFSET + REPORT_REGISTERS
_READ, _WRITE = 3, 16
_SCAN_S = 0.002


@dataclass(frozen=True)
class Conveyor:
    """How parts come: one each `period_s`, `parts` of them (None: without end), and how long each may wait.

    With `recipes` they come in batches of `batch` parts, each of the next recipe in turn.
    """

    period_s: float = 0.2
    parts: int | None = None
    deadline_s: float = 1.0
    serials: bool = True
    held_while_not_ready: bool = True
    silence_s: float = 1.0
    recipes: tuple[int, ...] = ()
    batch: int = 10


@dataclass
class PlcProgram:
    """Counts parts and gates them: everything is rejected but what passed in time. One scan is `scan(now)`."""

    conveyor: Conveyor
    run: int = field(default_factory=lambda: Random().randint(1, 65_535))
    sequence: int = 0
    triggered: int = 0
    heartbeat: int = 0
    recipe: int = 0
    dispositions: dict[int, Disposition] = field(default_factory=dict)
    """By how many triggers came before, from 1 on: sequence numbers wrap, this count does not."""

    codes: dict[int, int] = field(default_factory=dict)
    recipes: dict[int, int] = field(default_factory=dict)
    report: Report = field(default_factory=Report)
    _command: Command = field(default_factory=lambda: Command(0))
    _echo: tuple[int, Disposition] = (0, Disposition.NONE)
    _waiting: dict[int, tuple[int, float]] = field(default_factory=dict)
    _next_at: float | None = None
    _beat: tuple[int, float] = (-1, float("-inf"))

    @property
    def finished(self) -> bool:
        """Whether all parts of the conveyor came and went."""
        return self._all_came and not self._waiting

    @property
    def _all_came(self) -> bool:
        return self.conveyor.parts is not None and self.triggered >= self.conveyor.parts

    @property
    def counts(self) -> Counter[Disposition]:
        """How many parts went where."""
        return Counter(self.dispositions.values())

    def order(self) -> Order:
        """Return what the station reads."""
        serial = f"SN{self.run:05d}-{self.triggered:06d}" if self.conveyor.serials and self.triggered else ""
        echo, disposition = self._echo
        return Order(self._command, self.sequence, self.heartbeat, self.recipe, echo, disposition, self.run, serial)

    def alive(self, now: float) -> bool:
        """Whether the station's heartbeat has moved lately."""
        return now - self._beat[1] <= self.conveyor.silence_s

    def scan(self, now: float) -> None:
        """Go once through the program."""
        self.heartbeat = (self.heartbeat + 1) % 65_536
        if self.report.heartbeat != self._beat[0]:
            self._beat = (self.report.heartbeat, now)
        self._take_result()
        self._give_up(now)
        if Command.TRIGGER in self._command and self.report.taken == self.sequence:
            self._command &= ~Command.TRIGGER
        if Command.RESET not in self._command:
            self._feed(now)
        elif not self.report.status & (Status.BUSY | Status.RESULT_VALID):
            self._command &= ~Command.RESET

    def reset(self) -> None:
        """Clear the line: every part in the station is rejected, and the station shall forget them."""
        for sequence, (number, _) in self._waiting.items():
            self._settle(number, sequence, Disposition.NO_RESULT)
        self._waiting.clear()
        self._command = (self._command | Command.RESET) & ~Command.TRIGGER

    def _take_result(self) -> None:
        report = self.report
        if Status.RESULT_VALID not in report.status:
            self._command &= ~Command.ACK
            return
        passed = Disposition.ACCEPTED if Status.PASS in report.status else Disposition.REJECTED
        number, _ = self._waiting.pop(report.sequence, (0, 0.0))
        if number:
            self._settle(number, report.sequence, passed)
            self.codes[number] = report.code
        elif self._echo[0] != report.sequence:
            self._echo = (report.sequence, Disposition.NO_RESULT)
        self._command |= Command.ACK

    def _give_up(self, now: float) -> None:
        for sequence, (number, until) in list(self._waiting.items()):
            if now > until:
                del self._waiting[sequence]
                self._settle(number, sequence, Disposition.NO_RESULT)

    def _settle(self, number: int, sequence: int, disposition: Disposition) -> None:
        self.dispositions[number] = disposition
        self._echo = (sequence, disposition)

    def _feed(self, now: float) -> None:
        self._change_over()
        right = self.recipe in (0, self.report.recipe)
        ready = Status.READY in self.report.status and right and self.alive(now)
        held = (not ready and self.conveyor.held_while_not_ready) or self._all_came
        if self._next_at is None or held:
            self._next_at = now + self.conveyor.period_s
            return
        if now < self._next_at:
            return
        self._next_at += self.conveyor.period_s
        self.trigger(now)

    def _change_over(self) -> None:
        """Ask for the next batch's recipe once nothing of the last one is in the station any more."""
        recipes = self.conveyor.recipes
        if recipes and not self._waiting:
            self.recipe = recipes[self.triggered // self.conveyor.batch % len(recipes)]

    def trigger(self, now: float) -> None:
        """Send a part into the station."""
        self.recipes[self.triggered + 1] = self.recipe
        self.sequence = following(self.sequence)
        self.triggered += 1
        self._command |= Command.TRIGGER
        self._waiting[self.sequence] = (self.triggered, now + self.conveyor.deadline_s)


class Plc:
    """A program behind a Modbus TCP server, in a thread of its own; `halted`: the program stops, the server answers."""

    def __init__(self, program: PlcProgram, host: str = "127.0.0.1", port: int = 0, base: int = 0) -> None:
        self.program, self.host, self.port, self._base = program, host, port, base
        self.lock = threading.Lock()
        self.halted = False
        self._started = threading.Event()
        self._failed: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="plc-server", daemon=True)

    def start(self) -> Plc:
        """Serve. Raises OSError where the port is taken."""
        self._thread.start()
        self._started.wait(10.0)
        if self._failed is not None:
            raise OSError(f"port {self.port} cannot be served: {self._failed}")
        return self

    def stop(self) -> None:
        """Close the server and every connection."""
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(5.0)

    def wait(self, seconds: float) -> bool:
        """Wait until the conveyor is finished; False where it is not in time."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            with self.lock:
                if self.program.finished:
                    return True
            time.sleep(0.02)
        return False

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except (OSError, RuntimeError) as error:
            self._failed = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        block = SimData(self._base, count=_REGISTERS, values=0, datatype=DataType.REGISTERS)
        device = SimDevice(id=0, simdata=[block], action=self._asked)
        server = ModbusTcpServer(device, address=(self.host, self.port))
        await server.serve_forever(background=True)
        self.port = getattr(server.transport, "sockets")[0].getsockname()[1]  # noqa: B009
        self._started.set()
        while not self._stopping.is_set():
            with self.lock:
                if not self.halted:
                    self.program.scan(time.monotonic())
            await asyncio.sleep(_SCAN_S)
        await server.shutdown()

    async def _asked(
        self,
        _function: int,
        _start: int,
        address: int,
        _count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> None:
        """Put the order where it is read; take the report where it is written."""
        with self.lock:
            order = order_registers(self.program.order())
            registers[: len(order)] = order
            at = self._base + REPORT_OFFSET
            if values and address == at and len(values) == REPORT_REGISTERS:
                self.program.report = report_of(values)
