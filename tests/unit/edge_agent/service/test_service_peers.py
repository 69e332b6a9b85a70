"""What the doctor says of a PLC, a broker and a server, real ones, and of a station that runs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from getpass import getuser
from pathlib import Path

import pytest

from edge_agent.config import MqttTriggerConfig, OutputConfig, PlcConfig, StationConfig
from edge_agent.contracts.strict import parse
from edge_agent.home import Home
from edge_agent.service import peers
from tests.conftest import program
from tests.simulators.mes import SECRET, Mes
from tests.simulators.mosquitto import Mosquitto, free_port
from tests.simulators.plc import Conveyor, Plc, PlcProgram

PASSWORD = "correct horse"


@pytest.fixture
def plc() -> Iterator[Plc]:
    server = Plc(PlcProgram(Conveyor(period_s=60.0)), base=100).start()
    yield server
    server.stop()


def at(plc: Plc, **changes: object) -> PlcConfig:
    settings = {"host": "127.0.0.1", "port": plc.port, "base": 100, "silence_ms": 400} | changes
    return parse(PlcConfig, settings, "station.yaml")


def test_a_plc_whose_program_runs_is_well(plc: Plc) -> None:
    found = peers.plc(at(plc))
    assert (found.ok, found.remedy) == (True, "")


def test_a_plc_that_answers_with_a_heart_that_stands_still_is_not(plc: Plc) -> None:
    found = peers.plc(at(plc, base=104))
    assert not found.ok
    assert "heartbeat (register 106) stays" in found.found
    assert "every 400 ms" in found.remedy


def test_a_plc_without_these_registers_and_one_that_is_away_are_told_apart(plc: Plc) -> None:
    refused = peers.plc(at(plc, base=60_000))
    away = peers.plc(at(plc, port=free_port()))
    assert not refused.ok
    assert "refuses its registers 60000" in refused.found
    assert not away.ok
    assert "cannot be reached" in away.found
    assert all("docs/formats/plc.md" in found.remedy for found in (refused, away))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    folder, port = tmp_path / "broker", free_port()
    folder.mkdir()
    users = folder / "users"
    subprocess.run([program("mosquitto_passwd"), "-b", "-c", str(users), "station", PASSWORD], check=True)
    config = f"listener {port} 127.0.0.1\nuser {getuser()}\nallow_anonymous false\npassword_file {users}\n"
    with Mosquitto(folder, config, port) as server:
        yield server


def asked(home: Path, broker: Mosquitto, word: str) -> list[peers.Finding]:
    secret = home / "broker.key"
    secret.touch(0o600)
    secret.write_text(word)
    url = f"mqtt://station@127.0.0.1:{broker.port}"
    trigger = MqttTriggerConfig(kind="mqtt", url=url, topic="line/trigger", password="broker.key")
    return list(peers.line(Home(home), StationConfig(trigger=trigger)))


def test_a_broker_is_asked_whether_it_lets_the_station_in(tmp_path: Path, broker: Mosquitto) -> None:
    (good,) = asked(tmp_path, broker, PASSWORD)
    assert good.ok, good
    (bad,) = asked(tmp_path, broker, "wrong")
    assert not bad.ok
    assert "the broker refuses: Not authorized" in bad.found
    assert "'password'" in bad.remedy
    broker.kill()
    (away,) = asked(tmp_path, broker, PASSWORD)
    assert (away.ok, "Connection refused" in away.found) == (False, True)


def test_what_answers_and_is_no_broker_is_said(tmp_path: Path) -> None:
    server = Mes().start()
    trigger = MqttTriggerConfig(kind="mqtt", url=f"mqtt://127.0.0.1:{server.port}", topic="line/trigger")
    (found,) = peers.line(Home(tmp_path), StationConfig(trigger=trigger))
    server.stop()
    assert not found.ok
    assert found.remedy


def test_a_webhook_is_asked_whether_it_answers(tmp_path: Path) -> None:
    key = tmp_path / "hook.key"
    key.touch(0o600)
    key.write_text(SECRET)
    server = Mes().start()
    output = {"kind": "webhook", "url": server.url, "secret": "hook.key"}
    config = parse(StationConfig, {"outputs": [output, {"kind": "none"}]}, "station.yaml")
    assert [finding.ok for finding in peers.line(Home(tmp_path), config)] == [True]
    server.stop()
    (away,) = peers.line(Home(tmp_path), config)
    assert (away.ok, bool(away.remedy)) == (False, True)
    assert isinstance(config.outputs[1], OutputConfig)
