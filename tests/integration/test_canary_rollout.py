"""A share of each station's parts given to a new model: a real fleet, real stations that judge real pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli import main as edge_agent
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.home import Home
from edge_agent.install.slots import read_slots
from edge_agent.journal.canary import CanaryCounts, canary_counts
from edge_agent.journal.reader import read_journal
from fleet.devices.enrolment import NewDevice
from tests.simulators.fleet_server import Server, eventually, fleet_server

BUNDLES = Path(__file__).parents[1] / "fixtures/bundles"
NAMES = ["share-1", "share-2"]
ORDER = {"canary": "100%", "probation": {"seconds": 0.2, "parts": 3}}


@contextmanager
def stations(server: Server, folder: Path) -> Iterator[list[Home]]:
    """Two light stations, ten parts a second each; killed with SIGKILL at the end."""
    for name in NAMES:
        if (folder / name).exists():
            continue
        credentials = server.service.context.enrolment.enrol(NewDevice(device=name, site="here", line="l1"))
        (folder / name).mkdir(parents=True)
        (folder / name / "credentials.json").write_text(credentials.model_dump_json())
        (folder / name / "station.yaml").write_text("uplink:\n  window_seconds: 2\n")
    call = [sys.executable, "-m", "edge_agent.cli", "light", "--stations", str(folder), "--rate", "10"]
    call += ["--source", "synthetic:?seed=1&fps=0&size=64&views=1"]
    with subprocess.Popen(call, stdout=subprocess.DEVNULL) as process:
        try:
            yield [Home(folder / name) for name in NAMES]
        finally:
            process.kill()


def told_by_fleet(*words: str) -> str:
    call = [sys.executable, "-m", "fleet.cli", *words]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout


def publish(server: Server, name: str) -> str:
    return server.publish_bundle(BundleFolder(BUNDLES / name)).ref.bundle


def counts(home: Home, bundle: str) -> CanaryCounts:
    with read_journal(home.journal) as reader:
        return canary_counts(reader, bundle)


def decide(homes: list[Home], bundle: str, more: int) -> bool:
    """Wait until each station's challenger has decided so many parts more."""
    goal = [counts(home, bundle).decided + more for home in homes]
    return eventually(lambda: all(counts(home, bundle).decided >= n for home, n in zip(homes, goal, strict=True)))


def check(home: Home, bundle: str) -> None:
    """Assert that the journal's rows and counts agree, and that no part was lost."""
    with read_journal(home.journal) as reader:
        found = canary_counts(reader, bundle)
        rows = [row for part in range(1, last(reader) + 1) for row in reader.rows("part_canary", part=part)]
        decided = sum(1 for row in rows if row[2] == "decided")
        assert (len(rows), decided) == (found.drawn, found.decided)
        assert found.drawn == found.decided + found.late + found.failed
        assert reader.rows("missing_parts")[0][0] == 0


def last(reader: object) -> int:
    return int(reader.rows("last_part")[0][0])  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_share_grows_outlives_a_kill_and_ends_with_the_model_in_use(tmp_path):
    folder = tmp_path / "stations"
    with fleet_server(tmp_path / "fleet") as server:
        with stations(server, folder) as homes:
            first = publish(server, "tiny-v1")
            assert server.reaches(server.rollout(**ORDER), "done")
            second = publish(server, "tiny-v2")
            small = server.rollout(strategy="canary-parts", parts_share=0.3, **ORDER)
            assert server.reaches(small, "done"), server.show(small)
            assert [read_slots(home.root).active for home in homes] == [first] * 2
            assert decide(homes, second, 3)
        for home in homes:
            check(home, second)
        with stations(server, folder) as homes:
            assert decide(homes, second, 3), "nobody asked again: the station went on by itself after the kill"
            asked = ["--home", str(server.service.settings.home.folder)]
            share = ["--strategy", "canary-parts", "--parts", "100%", "--canary", "100%", "--soak", "0s"]
            larger = json.loads(told_by_fleet("rollout", *share, "--wait", "--json", *asked))["rollout"]
            assert decide(homes, second, 10)
            assert eventually(lambda: server.show(larger)["parts"]["decided"] >= 20)
            shown = server.show(larger)["parts"]
            assert (shown["share"], shown["devices"]) == (1.0, 2)
            assert "1 of the parts: " in told_by_fleet("rollouts", "show", larger, *asked)
            asked = ["challenger", "--home", str(homes[0].root), "--json"]
            found = json.loads(CliRunner().invoke(edge_agent, asked, catch_exceptions=False).output.splitlines()[-1])
            assert found["bundle"] == second
            assert found["canary"]["decided"] >= 16

            assert server.reaches(server.rollout(**ORDER), "done")
            assert [read_slots(home.root).active for home in homes] == [second] * 2
        for home in homes:
            check(home, second)
