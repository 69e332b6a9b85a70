"""A station at work while one thing after the other fails: PLC, journal and fleet end with the same count.

`LINESIDE_PARTS=10000` makes the long run of it: at 20 parts a second that is a little more than eight minutes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.contracts.plc import Disposition
from edge_agent.home import Home
from tests.conftest import wait_for
from tests.integration.test_plc_station import dispositions, journal_parts, verdicts
from tests.integration.test_station_processes import SLOW_S, children, hot_status, running
from tests.simulators.line import GOOD, SCRATCHED, altered_bundle, environment, install, picture
from tests.simulators.mosquitto import Mosquitto, free_port
from tests.simulators.network_camera import NetworkCamera
from tests.simulators.plc import Conveyor, Plc, PlcProgram

PARTS = int(os.environ.get("LINESIDE_PARTS", "400"))
EVERY_S = 0.05
DEADLINE_S = 1.0
FLEET_S = 120


def fleet(*words: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "fleet.cli", *(str(word) for word in words), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@contextmanager
def served(folder: Path, broker: Mosquitto) -> Iterator[Path]:
    """Found a fleet and serve it at that broker."""
    home = folder / "fleet-home"
    fleet("init", home)
    words = ("serve", "--home", str(home), "--port", str(free_port()), "--broker", broker.url)
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "fleet.cli", *words], stdout=log, stderr=log, env=environment()
        )
    try:
        wait_for((home / "client.json").exists, SLOW_S, "the fleet's start")
        yield home
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(SLOW_S)


def station_home(folder: Path, fleet_home: Path, plc: Plc, camera: NetworkCamera) -> Home:
    home, letter = Home(folder / "station"), folder / "station.json"
    fleet("enrol", "st-1", "--site", "s", "--line", "l", "--class", "generic", "--out", letter, "--home", fleet_home)
    command = [sys.executable, "-m", "edge_agent.cli", "enrol", str(letter), "--home", str(home.root)]
    subprocess.run(command, check=True, capture_output=True, env=environment())
    install(
        home,
        altered_bundle(folder / "bundle", recipe__views__count=1, recipe__deadline_ms=800, recipe__automation="full"),
    )
    settings = {
        "source": camera.url,
        "trigger": {"kind": "plc"},
        "plc": {"host": "127.0.0.1", "port": plc.port},
        "outputs": [{"kind": "gate"}],
        "ui": {"port": 0},
    }
    home.config.write_text(yaml.safe_dump(settings))
    return home


def known(fleet_home: Path) -> int:
    """Return how many parts the fleet has counted."""
    return int(fleet("devices", "st-1", "--home", fleet_home)["counters"].get("parts", 0))


def killed(home: Home, name: str) -> Callable[[], None]:
    def kill() -> None:
        pid = children(home)[name]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: children(home).get(name, pid) != pid, SLOW_S, f"{name} to come back")

    return kill


def held(home: Home, name: str, seconds: float) -> Callable[[], None]:
    def hold() -> None:
        pid = children(home)[name]
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    return hold


def unplugged(camera: NetworkCamera) -> Callable[[], None]:
    def unplug() -> None:
        camera.unplug()
        time.sleep(1.0)
        camera.plug_in()

    return unplug


def broker_killed(broker: Mosquitto) -> Callable[[], None]:
    def kill() -> None:
        broker.kill()
        time.sleep(1.0)
        broker.start()

    return kill


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_whatever_fails_plc_journal_and_fleet_agree(tmp_path: Path) -> None:
    camera = NetworkCamera(free_port(), [picture(GOOD), picture(SCRATCHED)])
    camera.plug_in()
    plc = Plc(PlcProgram(Conveyor(EVERY_S, 0, DEADLINE_S))).start()
    (tmp_path / "broker").mkdir()
    with Mosquitto(tmp_path / "broker") as broker, served(tmp_path, broker) as fleet_home:
        home = station_home(tmp_path, fleet_home, plc, camera)
        with running(home):
            wait_for(lambda: bool(hot_status(home).get("ready")), SLOW_S, "ready")
            plc.program.conveyor = Conveyor(EVERY_S, PARTS, DEADLINE_S, held_while_not_ready=False)
            faults = [
                killed(home, "hot"),
                killed(home, "uplink"),
                killed(home, "ui"),
                unplugged(camera),
                held(home, "hot", 2.0),
                held(home, "uplink", 2.0),
                broker_killed(broker),
            ]
            for number, fault in enumerate(faults, 1):
                due = PARTS * number // (len(faults) + 2)
                wait_for(lambda due=due: plc.program.triggered >= due, PARTS, "the next fault's time")  # type: ignore[misc]
                fault()
            assert plc.wait(PARTS * EVERY_S + SLOW_S), plc.program.counts
            wait_for(lambda: len(journal_parts(home)) >= PARTS, SLOW_S, "the last part")
            wait_for(lambda: known(fleet_home) >= PARTS, FLEET_S, "the fleet to know all parts")
        assert known(fleet_home) == PARTS
    plc.stop()
    camera.unplug()
    parts = journal_parts(home)
    assert len(parts) == PARTS
    assert all(part.final for part in parts)
    counts, noted = plc.program.counts, dispositions(home)
    assert sum(counts.values()) == sum(noted.values()) == PARTS
    accepted = {number for number, went in plc.program.dispositions.items() if went is Disposition.ACCEPTED}
    assert {verdict for number, verdict in verdicts(home).items() if number in accepted} == {"accept"}
    assert len(accepted) > PARTS / 4
