"""The connection to one PLC: polls its order, writes the report, tells what is new. One thread, one socket."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException

from edge_agent.backoff import reconnect_delay
from edge_agent.clock import Clock
from edge_agent.config import PlcConfig
from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.plc import (
    ORDER_REGISTERS,
    REPORT_OFFSET,
    Order,
    PlcPart,
    Report,
    order_of,
    report_registers,
)
from edge_agent.plc.handshake import Answer, Event, Handshake, State

_log = logging.getLogger("lineside.plc")
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


class Registers(Protocol):
    """Where the registers are; tests put their own in."""

    def read(self) -> list[int]:
        """Return the order's registers. Raises Unavailable."""

    def write(self, values: Sequence[int]) -> None:
        """Write the report's registers. Raises Unavailable."""

    def close(self) -> None:
        """Let go."""


class ModbusRegisters:
    """The registers of a PLC by Modbus TCP (functions 3 and 16)."""

    def __init__(self, config: PlcConfig) -> None:
        self._config = config
        self._client = ModbusTcpClient(config.host, port=config.port, timeout=config.timeout_ms / 1e3, retries=0)

    def read(self) -> list[int]:
        """Return the order's registers."""
        answer = self._ask(
            lambda: self._client.read_holding_registers(
                self._config.base, count=ORDER_REGISTERS, device_id=self._config.unit
            )
        )
        return list(answer)

    def write(self, values: Sequence[int]) -> None:
        """Write the report's registers in one request."""
        address = self._config.base + REPORT_OFFSET
        self._ask(lambda: self._client.write_registers(address, list(values), device_id=self._config.unit))

    def _ask(self, request: Callable[[], object]) -> list[int]:
        where = f"PLC at {self._config.host}:{self._config.port}"
        if not self._client.connected and not self._client.connect():
            raise Unavailable(f"{where} cannot be reached; check its address, its power and the cable")
        try:
            answer = request()
        except (ModbusException, OSError, ValueError) as error:
            self._client.close()
            raise Unavailable(f"{where} does not answer") from error
        if getattr(answer, "isError", lambda: True)():
            raise Unavailable(
                f"{where} refuses its registers {self._config.base} to "
                f"{self._config.base + REPORT_OFFSET + 7} of unit {self._config.unit} ({answer})"
            )
        return list(getattr(answer, "registers", None) or [])

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


class PlcLink:
    """Carries the handshake. `heard` is called from the link's thread with each event; `fault` says why it is away."""

    def __init__(
        self,
        registers: Registers,
        handshake: Handshake,
        config: PlcConfig,
        state: Callable[[], State],
        heard: Callable[[Event, float], None],
        clock: Clock,
        draw: Callable[[], float],
    ) -> None:
        self.fault = "the PLC was not asked yet"
        self._registers, self._handshake, self._config = registers, handshake, config
        self._state, self._heard, self._clock, self._draw = state, heard, clock, draw
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._written: Report | None = None
        self._attempt = 0
        self._beat: tuple[int, float] | None = None
        self._thread = threading.Thread(target=self._run, name="plc", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def close(self) -> None:
        """Stop; the PLC sees the heartbeat stand still."""
        self._closing = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def written(self, part: PlcPart) -> None:
        """Tell that a part is in the journal."""
        with self._lock:
            self._handshake.written(part)
        self._wake.set()

    def answer(self, answer: Answer) -> None:
        """Tell a verdict. Raises Unavailable while the PLC is away: it has rejected the part by itself."""
        if self.fault:
            raise Unavailable(self.fault)
        with self._lock:
            self._handshake.answer(answer)
        self._wake.set()

    def _run(self) -> None:
        pause = 0.0
        while not self._closing:
            self._wake.wait(pause)
            self._wake.clear()
            try:
                self.step()
                pause, self._attempt = self._config.poll_ms / 1e3, 0
            except Unavailable as error:
                if not self.fault:
                    _log.warning("%s", error)
                self.fault, self._written = str(error), None
                pause = reconnect_delay(self._attempt, self._draw())
                self._attempt += 1
        self._registers.close()

    def step(self) -> None:
        """Poll once: read the order, tell what is new, write the report where it changed."""
        order = order_of(self._registers.read())
        now = self._clock.monotonic()
        self.fault = self._silence(order, now)
        with self._lock:
            events = self._handshake.hear(order)
        for event in events:
            self._heard(event, now)
        with self._lock:
            report = self._handshake.report(self._state())
        if report != self._written:
            self._registers.write(report_registers(report))
            self._written = report

    def _silence(self, order: Order, now: float) -> str:
        """Return a fault where the PLC answers but its program stands still."""
        if self._beat is None or self._beat[0] != order.heartbeat:
            self._beat = (order.heartbeat, now)
        still = now - self._beat[1]
        if still <= self._config.silence_ms / 1e3:
            return ""
        return f"the PLC's heartbeat has stood still for {still:.1f} s; is its program running?"
