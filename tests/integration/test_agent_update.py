"""The whole agent as a person starts it, killed while it inspects and installs: nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.messages import Desired, ModelRef, Probation, Stream
from edge_agent.contracts.states import UpdateState
from edge_agent.install.slots import read_slots
from tests.simulators.mosquitto import Mosquitto
from tests.simulators.registry import USER, RegistrySimulator
from tests.simulators.uplinked import FleetEnd, enrol

S = UpdateState
BUNDLES = Path(__file__).parents[1] / "fixtures/bundles"
SETTINGS = 'source: "synthetic:?seed=1&fps=10&size=64&views=2"\nui:\n  port: 0\n'


class Agent:
    """`edge-agent run` with its three children."""

    def __init__(self, home: Path) -> None:
        self.home = home
        call = [sys.executable, "-m", "edge_agent.cli", "run", "--home", str(home)]
        self.process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """SIGKILL to the supervisor and to every child at once, as a power cut would."""
        note = json.loads((self.home / "run/station.json").read_text())
        for pid in (self.process.pid, *(pid for pid in note["children"].values() if pid)):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def desired(ref: ModelRef, generation: int) -> Desired:
    return Desired(generation=generation, at_ms=0, model=ref, probation=Probation(seconds=0.5, parts=3))


def reaches(fleet: FleetEnd, generation: int, *states: UpdateState) -> Callable[[], bool]:
    def reached() -> bool:
        state = fleet.states.get(USER)
        return state is not None and state.generation == generation and state.state in states

    return reached


@pytest.mark.slow
@pytest.mark.fault("F01")
@pytest.mark.parametrize("moment", [S.DOWNLOADING, S.PROBATION])
def test_the_agent_killed_while_it_inspects_and_installs_loses_nothing(tmp_path, moment):
    (tmp_path / "broker").mkdir()
    home = tmp_path / "home"
    with Mosquitto(tmp_path / "broker") as broker, RegistrySimulator() as registry:
        enrol(home, broker.url, registry)
        (home / "station.yaml").write_text(SETTINGS)
        first, second = (
            registry.publish(BundleFolder(BUNDLES / name), release)
            for release, name in enumerate(("tiny-v1", "tiny-v2"), start=1)
        )
        fleet = FleetEnd(broker.url)
        agent = Agent(home)
        try:
            fleet.desire(desired(first, 1))
            assert fleet.wait(reaches(fleet, 1, S.COMMITTED), 90)
            registry.delay_s = 0.5 if moment is S.DOWNLOADING else 0.0
            fleet.desire(desired(second, 2))
            assert fleet.wait(reaches(fleet, 2, moment), 90)
            agent.kill()
            assert read_slots(home).last_good == first.bundle
            registry.delay_s = 0.0
            agent = Agent(home)
            assert fleet.wait(reaches(fleet, 2, S.COMMITTED), 90)
            assert fleet.states[USER].running == second.bundle
            assert fleet.wait(lambda: set(judged(home)) == set(decided(fleet, home)), 60)
            assert agent.stop() == 0
        finally:
            agent.stop()
            fleet.close()
        told = decided(fleet, home)
        assert len(told) == len(set(told))


def first_boot(home: Path) -> str:
    return str(ask(home, "SELECT boot FROM boot ORDER BY started_ms LIMIT 1")[0][0])


def judged(home: Path) -> list[int]:
    """Return the parts of the boot that was killed, as the journal has them: every trigger got its verdict."""
    rows = ask(home, "SELECT seq, final FROM part WHERE boot = ?", first_boot(home))
    assert all(final is not None for _, final in rows)
    return [seq for seq, _ in rows]


def decided(fleet: FleetEnd, home: Path) -> list[int]:
    """Return the parts of that boot as the fleet was told of them."""
    events = [json.loads(fact) for (_, stream, _), fact in list(fleet.facts.facts.items()) if stream is Stream.EVENT]
    boot = first_boot(home)
    return [event["part"] for event in events if event["kind"] == "decided" and event["part_boot"] == boot]


def ask(home: Path, question: str, *values: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{home / 'journal.db'}?mode=ro", uri=True)
    try:
        return connection.execute(question, values).fetchall()
    finally:
        connection.close()
