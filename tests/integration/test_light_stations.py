"""Light stations as the command runs them: a real broker, a real registry, a real model, killed and asked to end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.messages import Desired, Probation, Stream
from edge_agent.contracts.states import UpdateState
from edge_agent.install.slots import read_slots
from edge_agent.light_stations import own_source, station_folders
from tests.simulators.mosquitto import Mosquitto
from tests.simulators.registry import RegistrySimulator
from tests.simulators.uplinked import FleetEnd, enrol

BUNDLES = Path(__file__).parents[1] / "fixtures/bundles"
NAMES = ["light-1", "light-2", "light-3"]


def start(stations: Path) -> subprocess.Popen[str]:
    call = [sys.executable, "-m", "edge_agent.cli", "light", "--stations", str(stations)]
    call += ["--source", "synthetic:?seed=1&fps=0&size=64&views=2", "--rate", "10"]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["stations"] == len(NAMES)
    return process


def end(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    process.kill()
    process.wait()
    process.stdout.close()


def test_own_source_gives_each_station_other_parts():
    assert own_source("folder:///a?loop=1&shuffle=7", 2) == "folder:///a?loop=1&shuffle=9"
    assert own_source("folder:///seed-1?loop=1", 2) == "folder:///seed-1?loop=1"


def test_a_folder_without_stations_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="edge-agent enrol"):
        station_folders(tmp_path)


@pytest.mark.slow
def test_they_install_inspect_report_survive_a_kill_and_end_cleanly(tmp_path):
    (tmp_path / "broker").mkdir()
    with Mosquitto(tmp_path / "broker") as broker, RegistrySimulator() as registry:
        for name in NAMES:
            enrol(tmp_path / "stations" / name, broker.url, registry, name)
            (tmp_path / "stations" / name / "station.yaml").write_text("uplink:\n  window_seconds: 2\n")
        ref = registry.publish(BundleFolder(BUNDLES / "tiny-v1"), 1)
        fleet = FleetEnd(broker.url)
        for name in NAMES:
            fleet.desire(Desired(generation=1, at_ms=0, model=ref, probation=Probation(seconds=0.2, parts=3)), name)
        process = start(tmp_path / "stations")
        try:
            assert fleet.wait(lambda: all(committed(fleet, name) for name in NAMES), 60)
            assert fleet.wait(lambda: windows(fleet) >= len(NAMES), 30)
            boots = {fleet.states[name].boot for name in NAMES}
            end(process)
            process = start(tmp_path / "stations")
            assert fleet.wait(lambda: all(fleet.states[name].boot not in boots for name in NAMES), 30)
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0
        finally:
            end(process)
            fleet.close()
    for name in NAMES:
        assert read_slots(tmp_path / "stations" / name).last_good == ref.bundle


def committed(fleet: FleetEnd, name: str) -> bool:
    state = fleet.states.get(name)
    return state is not None and state.state is UpdateState.COMMITTED and state.running == state.target


def windows(fleet: FleetEnd) -> int:
    return len({boot for boot, stream, _ in fleet.facts.facts if stream is Stream.WINDOW})
