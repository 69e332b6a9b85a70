"""`trainer watch --mode automatic` at a real fleet: a ticket comes in, the next version goes out to a device."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from edge_agent.contracts.credentials import load_credentials
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.events import Event, EventBatch, Reviewed
from edge_agent.contracts.messages import ModelRef
from edge_agent.contracts.states import UpdateState
from edge_agent.contracts.verdict import Verdict
from fleet.client import Client
from fleet.home import Home
from fleet.monitoring import tickets
from fleet.monitoring.lifecycle import TicketPolicy
from fleet.store.database import Database
from fleet.store.monitoring_tables import Finding
from tests.simulators.fleet_server import Station, eventually
from tests.simulators.tiny_pipeline import RECIPE, SET_TINY
from trainer.samples.generate import generate_samples

BIN = Path(sys.executable).parent
pytestmark = pytest.mark.slow


def command(*words):
    call = [str(BIN / words[0]), *map(str, words[1:]), "--json"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.fixture
def home(tmp_path):
    """A fleet on SQLite with the embedded broker, served by its command."""
    folder = tmp_path / "home"
    command("fleet", "init", folder)
    words = [BIN / "fleet", "serve", "--home", folder, "--port", "0", "--mqtt-port", "0", "--json"]
    server = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, text=True)
    assert json.loads(server.stdout.readline())["pid"] == server.pid
    yield folder
    server.send_signal(signal.SIGINT)
    assert server.wait(30) == 0
    server.stdout.close()


@pytest.fixture
def station(home, tmp_path):
    """A device that answers as it is told to; broker and messages are real."""
    command("fleet", "enrol", "cam1", "--site", "hall", "--line", "l1", "--out", tmp_path / "cam1.json", "--home", home)
    made = Station(load_credentials(tmp_path / "cam1.json"))
    made.connect()
    assert made.link.wait_connected(30)
    yield made
    made.disconnect()


def upload(station, picture):
    """Send a picture as the agent does; return its hash."""
    broker, sha = station.credentials.broker, digest_bytes(picture)
    address = f"{station.credentials.upload_url}/images/{sha}"
    httpx.put(address, content=picture, auth=(broker.username, broker.password)).raise_for_status()
    return sha


def review(station, folder, bundle):
    """Let a person say of each part of the folder what it is, and the facts and pictures arrive at the fleet."""
    events = []
    with (folder / "labels.csv").open(newline="") as file:
        rows = {row["part"]: row for row in csv.DictReader(file)}
    for number, row in enumerate(rows.values(), 1):
        verdict = Verdict.ACCEPT if row["label"] == "ok" else Verdict.REJECT
        data = Reviewed(
            part=number,
            part_boot=station.boot,
            operator="anna",
            verdict=verdict,
            label=row["label"],
            machine=verdict,
            bundle=bundle,
            image=upload(station, (folder / row["image"]).read_bytes()),
        )
        events.append(Event(seq=number, at_ms=1, data=data))
    station.send(EventBatch(boot=station.boot, events=tuple(events)))
    assert station.wait_acked(len(events))
    return len(events)


def open_ticket(home, model):
    """What monitoring does once it has found that the parts at one site have changed."""
    database, now = Database(Home(home).database_url), time.time_ns() // 1_000_000
    with database.begin() as session:
        finding = Finding(
            site="hall",
            bundle=model["bundle"],
            model=RECIPE,
            version=model["version"],
            state="open",
            cause="data",
            text="the parts have changed",
            devices=["cam1"],
            features=[],
            charts=[],
            windows=4,
            parts=200,
            threshold=100.0,
            first_ms=now - 60_000,
            last_ms=now,
        )
        session.add(finding)
        session.flush()
        name = tickets.follow(session, finding, TicketPolicy(), now).id
    database.close()
    return name


@pytest.fixture
def client(home):
    made = Client.of(Home(home))
    yield made
    made.close()


def begin(home, station, client, root, new):
    """Publish the latest model of the root, let the station run it, and open a ticket about reviewed parts."""
    latest = json.loads((root / "latest-blessed.json").read_text())
    command("fleet", "publish", root / "pushed" / RECIPE / latest["version"], "--home", home)
    model = next(one for one in client.get("/api/v1/models")["models"] if one["version"] == latest["version"])
    station.running = ModelRef(**{key: model[key] for key in ("name", "version", "release", "bundle")})
    station.report(UpdateState.COMMITTED)
    generate_samples(new, 6, 19, brightness=0.8, frames=1)
    return review(station, new, model["bundle"]), open_ticket(home, model)


def test_a_ticket_is_trained_published_and_rolled_out(home, station, client, tiny_run, tiny_data, tmp_path):
    """The trainer's root is a fresh one: that the fleet has releases already, it learns from the fleet."""
    reviewed, ticket = begin(home, station, client, tiny_run[0], tmp_path / "new")
    before, root = station.running, tmp_path / "root"
    watch = ["trainer", "watch", "--fleet-home", home, "--recipe", RECIPE, "--data", tiny_data, "--root", root]
    watch += [*SET_TINY, "--mode", "automatic", "--once"]
    found, told = command(*watch)
    (outcome,) = found["tickets"]
    assert (outcome["ticket"], outcome["decision"], outcome["result"]["blessed"]) == (ticket, "train", True)

    served = client.get(f"/api/v1/tickets/{ticket}")
    version = served["result"]["version"]
    assert (served["state"], served["result"]["run"]) == ("served", outcome["result"]["run"])
    assert f"ticket {ticket}: {RECIPE} {version} is published, rollout {outcome['rollout']} started" in told
    assert len((root / "tickets" / ticket / "data" / "labels.csv").read_text().splitlines()) == reviewed + 1
    assert eventually(lambda: station.running.version == version, 20)
    assert station.running.release > before.release
    assert client.get(f"/api/v1/rollouts/{outcome['rollout']}")["version"] == version
    assert command(*watch)[0]["tickets"] == []


def test_killed_in_its_training_it_goes_on_and_leaves_the_rollout_to_a_person(
    home, station, client, tiny_run, tiny_data, tmp_path
):
    _, ticket = begin(home, station, client, tiny_run[0], tmp_path / "new")
    root, log = tmp_path / "root", tmp_path / "watch.log"
    watch = ["trainer", "watch", "--fleet-home", home, "--recipe", RECIPE, "--data", tiny_data, "--root", root]
    watch += [*SET_TINY, "--mode", "assisted"]
    with log.open("w") as out:
        first = subprocess.Popen([str(BIN / watch[0]), *map(str, watch[1:])], stderr=out, start_new_session=True)
        try:
            assert eventually(lambda: "Trainer " in log.read_text(), 120), log.read_text()
        finally:
            os.killpg(first.pid, signal.SIGKILL)
            first.wait()
    assert client.get(f"/api/v1/tickets/{ticket}")["state"] == "claimed"
    found, told = command(*watch, "--once")
    (outcome,) = found["tickets"]
    assert (outcome["ticket"], outcome["decision"], outcome["rollout"]) == (ticket, "train", "")
    assert [one["status"] for one in outcome["result"]["steps"]][:5] == ["cached"] * 5
    assert "is ready; publish it with 'fleet publish'" in told
    assert client.get(f"/api/v1/tickets/{ticket}")["state"] == "served"
    assert client.get("/api/v1/rollouts")["rollouts"] == []
