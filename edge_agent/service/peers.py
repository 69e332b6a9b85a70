"""What the doctor finds at the other end of the cables: the fleet's servers, the PLC, the line's broker and servers."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from edge_agent.config import MqttOutputConfig, MqttTriggerConfig, PlcConfig, StationConfig
from edge_agent.contracts.errors import ConfigError, LinesideError
from edge_agent.contracts.plc import Order, order_of
from edge_agent.home import Home
from edge_agent.outputs.secret import broker_login, check_secrets
from edge_agent.service.machine import Finding

_PORTS = {"mqtt": 1883, "mqtts": 8883, "http": 80, "https": 443}
_ANSWER_S = 2.0
_HEARTBEAT = 2
"""The register of the PLC's heartbeat, from `plc.base` on."""


def reachable(check: str, url: str) -> Finding:
    """Say whether something answers at an address."""
    parts = urlsplit(url)
    try:
        with socket.create_connection(
            (parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443)), timeout=_ANSWER_S
        ):
            return Finding(check, True, f"{url} answers")
    except OSError as error:
        return Finding(
            check, False, f"{url}: {error}", "is the server up and the network cable in? parts go on meanwhile"
        )


def plc(config: PlcConfig) -> Finding:
    """Say whether the PLC gives its registers, and whether its program moves the heartbeat as often as it must."""
    from edge_agent.plc.link import ModbusRegisters

    registers = ModbusRegisters(config)
    try:
        first = last = order_of(registers.read())
        until = time.monotonic() + config.silence_ms / 1e3
        while last.heartbeat == first.heartbeat and time.monotonic() < until:
            time.sleep(config.poll_ms / 1e3)
            last = order_of(registers.read())
    except LinesideError as error:
        remedy = "check 'plc' in station.yaml and the PLC's server; registers are described in docs/formats/plc.md"
        return Finding("plc", False, str(error), remedy)
    finally:
        registers.close()
    return _heartbeat(config, first, last)


def _heartbeat(config: PlcConfig, first: Order, last: Order) -> Finding:
    where = f"{config.host}:{config.port} answers, run {last.run}, part {last.sequence}"
    if last.heartbeat != first.heartbeat:
        return Finding("plc", True, where)
    remedy = f"is the PLC's program running? it must change this register at least every {config.silence_ms:g} ms"
    register = config.base + _HEARTBEAT
    return Finding("plc", False, f"{where}, but its heartbeat (register {register}) stays {last.heartbeat}", remedy)


def line(home: Home, config: StationConfig) -> Iterator[Finding]:
    """Look at the servers of the line that triggers come from and verdicts go to, and at the secrets for them."""
    try:
        check_secrets(home, config)
    except ConfigError as error:
        yield Finding("line secrets", False, str(error), "mend the file that 'trigger' or 'outputs' name")
    if isinstance(config.trigger, MqttTriggerConfig):
        yield _broker("trigger", home, config.trigger)
    for output in config.receivers:
        check = f"output {output.name}"
        if isinstance(output, MqttOutputConfig):
            yield _broker(check, home, output)
        else:
            yield reachable(check, output.url)


def _broker(check: str, home: Home, config: MqttTriggerConfig | MqttOutputConfig) -> Finding:
    """Log in at the line's broker as the station does, under a name of its own: the station's connection stays."""
    from edge_agent.uplink.line_mqtt import client_id
    from edge_agent.uplink.link import Link

    found = reachable(check, config.url)
    if not found.ok:
        return found
    try:
        login = broker_login(config, home)
        name = client_id(home, "doctor")
        link = Link(login.url, name, login.username, login.password, login.ca)
    except ConfigError as error:
        return Finding(check, False, f"{config.url}: not tried ({error})", "mend what is said there")
    try:
        if link.wait_connected(_ANSWER_S):
            return Finding(check, True, f"{config.url} lets the station in")
        problem = link.problem or "it answers, but not in MQTT"
    finally:
        link.close()
    remedy = f"check user, 'password' and 'ca' of the {check} against the broker's settings"
    return Finding(check, False, f"{config.url}: {problem}", remedy)
