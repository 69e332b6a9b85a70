"""Blue-green at a whole station: the old model is held through commits and restarts, and comes back when asked."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli import main
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.messages import Desired, ModelRef, Probation, Strategy
from edge_agent.contracts.states import UpdateState
from edge_agent.home import Home
from edge_agent.install.slots import read_slots
from edge_agent.journal.reader import read_journal
from edge_agent.status import station_status
from tests.integration.test_agent_update import BUNDLES, SETTINGS, Agent, reaches
from tests.simulators.fleet_server import eventually
from tests.simulators.mosquitto import Mosquitto
from tests.simulators.registry import USER, RegistrySimulator
from tests.simulators.uplinked import FleetEnd, enrol

S = UpdateState


def wish(ref: ModelRef, generation: int) -> Desired:
    probation = Probation(seconds=0.2, parts=2)
    return Desired(generation=generation, at_ms=0, model=ref, strategy=Strategy.BLUE_GREEN, probation=probation)


def switch_back(home: Path) -> dict[str, object]:
    asked = ["switch-back", "--home", str(home), "--name", "Ida", "--why", "too many rejects", "--json"]
    result = CliRunner().invoke(main, asked, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.output.splitlines()[-1])
    return found


def warm(home: Path) -> object:
    return station_status(Home(home))["warm"]


@pytest.mark.slow
def test_the_model_before_is_back_at_once_also_after_the_hot_process_was_killed(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    home = tmp_path / "home"
    with Mosquitto(tmp_path / "broker") as broker, RegistrySimulator() as registry:
        enrol(home, broker.url, registry)
        (home / "station.yaml").write_text(SETTINGS)
        names = enumerate(("tiny-v1", "tiny-v2"), start=1)
        first, second = (registry.publish(BundleFolder(BUNDLES / name), release) for release, name in names)
        fleet, agent = FleetEnd(broker.url), Agent(home)
        try:
            for generation, ref in ((1, first), (2, second)):
                fleet.desire(wish(ref, generation))
                assert fleet.wait(reaches(fleet, generation, S.COMMITTED), 90)
            hot = json.loads((home / "run/station.json").read_text())["children"]["hot"]
            os.kill(hot, signal.SIGKILL)
            assert eventually(lambda: station_status(Home(home))["pids"].get("hot") not in (None, hot))
            assert eventually(lambda: warm(home) == first.bundle), "held again after the restart"

            found = switch_back(home)
            assert (found["before"], found["bundle"]) == (second.bundle, first.bundle)
            assert fleet.wait(reaches(fleet, 2, S.ROLLED_BACK), 60)
            assert "by Ida: too many rejects" in fleet.states[USER].reason
            assert (fleet.states[USER].running, read_slots(home).active) == (first.bundle, first.bundle)
            with read_journal(Home(home).journal) as reader:
                begun = reader.rows("last_part")[0][0]
                assert eventually(lambda: reader.rows("last_part")[0][0] > begun + 3)
                later = reader.rows("report_parts", after=begun, last=1 << 60, from_ms=0, to_ms=1 << 60, limit=50)
                assert {row[7] for row in later if row[7]} == {first.bundle}
        finally:
            agent.stop()
            fleet.close()
