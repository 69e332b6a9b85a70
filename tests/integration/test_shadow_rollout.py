"""A rollout beside the champion: a real fleet, real stations that judge real pictures with two models at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.home import Home
from edge_agent.install.slots import read_slots
from edge_agent.journal.reader import read_journal
from fleet.devices.enrolment import NewDevice
from tests.simulators.fleet_server import Server, eventually, fleet_server

BUNDLES = Path(__file__).parents[1] / "fixtures/bundles"
NAMES = ["beside-1", "beside-2"]
ORDER = {"canary": "100%", "probation": {"seconds": 0.2, "parts": 3}}


def publish(server: Server, name: str) -> str:
    return server.publish_bundle(BundleFolder(BUNDLES / name)).ref.bundle


def enrolled(server: Server, stations: Path) -> None:
    for name in NAMES:
        credentials = server.service.context.enrolment.enrol(NewDevice(device=name, site="here", line="l1"))
        (stations / name).mkdir(parents=True)
        (stations / name / "credentials.json").write_text(credentials.model_dump_json())
        (stations / name / "station.yaml").write_text("uplink:\n  window_seconds: 2\n")


def opinions(home: Home, bundle: str) -> int:
    with read_journal(home.journal) as reader:
        return len(reader.rows("challenger_parts", bundle=bundle, after=0, limit=50))


@pytest.mark.slow
def test_a_challenger_goes_to_all_stations_moves_nothing_and_is_taken_into_use_afterwards(tmp_path):
    stations = tmp_path / "stations"
    with fleet_server(tmp_path / "fleet") as server:
        enrolled(server, stations)
        call = [sys.executable, "-m", "edge_agent.cli", "light", "--stations", str(stations), "--rate", "10"]
        call += ["--source", "synthetic:?seed=1&fps=0&size=64&views=1"]
        with subprocess.Popen(call, stdout=subprocess.DEVNULL) as process:
            try:
                first = publish(server, "tiny-v1")
                assert server.reaches(server.rollout(**ORDER), "done")
                second = publish(server, "tiny-v2")
                beside = server.rollout(strategy="shadow", **ORDER)
                assert server.reaches(beside, "done"), server.show(beside)
                homes = [Home(stations / name) for name in NAMES]
                assert eventually(lambda: all(opinions(home, second) >= 5 for home in homes))
                assert [read_slots(home.root).active for home in homes] == [first] * 2
                assert server.show(beside)["gates"]["health"]["reason"].startswith("the model judges beside")

                assert server.reaches(server.rollout(**ORDER), "done")
                assert [read_slots(home.root).active for home in homes] == [second] * 2
            finally:
                process.kill()
