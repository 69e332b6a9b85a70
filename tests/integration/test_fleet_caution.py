"""Drift that a real fleet sees reaches the stations: one lowers itself, its neighbour audits more."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import cv2
import pytest

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.home import Home
from edge_agent.journal.reader import read_journal
from fleet.devices.enrolment import NewDevice
from fleet.founding import found
from fleet.home import Home as FleetHome
from tests.fixtures.make_bundles import write_parts
from tests.simulators.fleet_server import Server, eventually, fleet_server

pytestmark = pytest.mark.slow
BUNDLE = Path(__file__).parents[1] / "fixtures/bundles/tiny-v1"
ODD, FINE = "odd", "fine"
SETTINGS = "uplink:\n  window_seconds: 1\nui:\n  port: 0\n"
UNIFORM = "SELECT count(*) FROM sample WHERE scheme = 'uniform'"


def pictures(folder: Path) -> tuple[Path, Path]:
    """Write parts as the model knows them, and the same parts turned: another fixture, the same lamp and lens."""
    known, turned = folder / "known", folder / "turned"
    write_parts(known, 77, 60)
    (turned / "images").mkdir(parents=True)
    (turned / "labels.csv").write_bytes((known / "labels.csv").read_bytes())
    with (known / "labels.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            picture = cv2.rotate(cv2.imread(str(known / row["image"])), cv2.ROTATE_90_CLOCKWISE)
            cv2.imwrite(str(turned / row["image"]), picture)
    return known, turned


def enrolled(server: Server, home: Path, device: str, source: Path) -> Home:
    credentials = server.service.context.enrolment.enrol(NewDevice(device=device, site="north", line="l1"))
    home.mkdir(parents=True)
    (home / "credentials.json").write_text(credentials.model_dump_json())
    (home / "station.yaml").write_text(f'source: "folder://{source}?loop=1&fps=16"\n{SETTINGS}')
    return Home(home)


@contextmanager
def running(*words: str) -> Iterator[None]:
    call = [sys.executable, "-m", "edge_agent.cli", *words]
    with subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def degree(home: Home) -> dict[str, Any]:
    call = [sys.executable, "-m", "edge_agent.cli", "automation", "show", "--home", str(home.root), "--json"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def sampled(home: Home) -> int:
    with closing(sqlite3.connect(f"file:{home.journal}?mode=ro", uri=True)) as journal:
        return int(journal.execute(UNIFORM).fetchone()[0])


def follows(home: Home) -> dict[str, Any]:
    """Return the desired state that a station has taken up."""
    with read_journal(home.journal) as reader:
        return dict(json.loads(reader.rows("read_installation")[0][3]))


def shown(server: Server, device: str) -> dict[str, Any]:
    return dict(server.client.get(f"/api/v1/devices/{device}"))


def test_drift_lowers_the_station_and_audits_its_site_until_the_ticket_is_closed(tmp_path):
    known, turned = pictures(tmp_path)
    found(FleetHome(tmp_path / "fleet/home"))
    (tmp_path / "fleet/home/monitoring.yaml").write_text("caution:\n  audit: 0.5\n")
    with fleet_server(tmp_path / "fleet", broker="mosquitto") as server:
        odd = enrolled(server, tmp_path / "odd", ODD, turned)
        fine = enrolled(server, tmp_path / "stations" / FINE, FINE, known)
        server.publish_bundle(BundleFolder(BUNDLE))
        light = ("light", "--stations", str(fine.root.parent), "--rate", "6", "--source", f"folder://{known}?loop=1")
        with running("run", "--home", str(odd.root)), running(*light):
            order = {"canary": "100%", "probation": {"seconds": 0.2, "parts": 3}}
            assert server.reaches(server.rollout(**order), "done", 120)
            assert degree(fine)["degree"] == "partial"
            assert eventually(lambda: server.client.get("/api/v1/tickets"), 120), server.client.get("/api/v1/drift")
            (ticket,) = server.client.get("/api/v1/tickets")
            assert (ticket["cause"], ticket["sites"], ticket["evidence"]["devices"]) == ("data", ["north"], [ODD])

            assert eventually(lambda: degree(odd)["degree"] == "assist", 60), degree(odd)
            standing = degree(odd)
            assert standing["demoted"]
            assert ticket["id"] in standing["why"]
            assert ticket["id"] in standing["mistrust"]
            assert eventually(lambda: shown(server, ODD)["reported"]["automation"] == "assist", 60)
            assert shown(server, ODD)["asked"]["caution"]["ticket"] == ticket["id"]
            assert eventually(lambda: sampled(fine) > 0, 60), "the neighbour's parts are audited"
            assert degree(fine)["degree"] == "partial", "its own parts look as they should"
            once = {home: follows(home)["generation"] for home in (odd, fine)}
            seen = sampled(fine)
            assert eventually(lambda: sampled(fine) > seen + 10, 60)
            assert {home: follows(home)["generation"] for home in (odd, fine)} == once, "nobody is asked twice"

            server.client.post(f"/api/v1/tickets/{ticket['id']}/dismiss", {"note": "the new fixture stays"})
            assert eventually(lambda: all(follows(home)["sampling"]["audit"] == 0.0 for home in (odd, fine)), 60)
            standing = degree(odd)
            assert (standing["degree"], standing["mistrust"]) == ("assist", ""), "it stays there until promoted"
            assert follows(fine)["generation"] == once[fine] + 1
            assert shown(server, ODD)["asked"] == {"audit": 0.0, "caution": None}
