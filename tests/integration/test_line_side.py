"""A real station, a real Mosquitto and a real HTTP server: every finished part is told, whatever dies meanwhile."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from edge_agent.home import Home
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Journal, PartRow
from edge_agent.uplink.link import Link
from tests.conftest import program, wait_for
from tests.integration.test_station_processes import SLOW_S, children, hot_status, running
from tests.simulators.line import PARTS, altered_bundle, install
from tests.simulators.mes import SECRET, Mes
from tests.simulators.mosquitto import Mosquitto


class Machine:
    """What stands behind the station: it asks for parts by MQTT and hears of verdicts."""

    def __init__(self, url: str) -> None:
        self.told: list[dict[str, Any]] = []
        self.heard_at: dict[str, float] = {}
        self.link = Link(url, f"machine-{uuid4().hex[:8]}", on_message=self._heard, clean=False)
        self.link.subscribe(["line/verdict"])
        assert self.link.wait_connected(10)

    def ask(self, payload: dict[str, Any] | bytes, retain: bool = False) -> None:
        """Publish a trigger and wait for the broker."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        assert self.link.publish("line/trigger", data, retain=retain).wait(10)

    def _heard(self, topic: str, payload: bytes, retained: bool) -> None:
        notice = json.loads(payload)
        self.heard_at.setdefault(notice["id"], time.monotonic())
        self.told.append(notice)

    def keys(self) -> list[tuple[str, int]]:
        """(boot, seq) of all verdicts in order, with repeats."""
        return [(notice["boot"], notice["seq"]) for notice in list(self.told)]

    def ids(self) -> list[str]:
        """The triggers' ids in the order of their verdicts."""
        return [notice["id"] for notice in self.told]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    program("mosquitto")
    (tmp_path / "broker").mkdir()
    with Mosquitto(tmp_path / "broker") as running_broker:
        yield running_broker


@pytest.fixture
def mes() -> Iterator[Mes]:
    server = Mes().start()
    yield server
    server.stop()


def make_home(folder: Path, **settings: Any) -> Home:
    home = Home(folder)
    install(home, altered_bundle(folder / "bundle", recipe__views__count=1, recipe__deadline_ms=4000))
    key = folder / "hook.key"
    key.write_text(SECRET)
    key.chmod(0o600)
    common = {"source": f"folder://{PARTS}?loop=1&fps=20", "ui": {"port": 0}}
    home.config.write_text(yaml.safe_dump({**common, **settings}))
    return home


def webhook(mes: Mes) -> dict[str, Any]:
    return {"kind": "webhook", "url": mes.url, "secret": "hook.key", "timeout_ms": 500}


def parts_of(home: Home) -> list[PartRow]:
    database = Database(home.journal)
    rows = Journal(database, uuid4()).recent(10**6)
    database.close()
    return rows[::-1]


def tallies(home: Home) -> dict[str, int]:
    database = Database(home.journal)
    counts = Journal(database, uuid4()).tallies()
    database.close()
    return counts


def finished(home: Home) -> set[tuple[str, int]]:
    return {(part.boot, part.seq) for part in parts_of(home) if part.final}


def first_ones(keys: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return list(dict.fromkeys(keys))


@pytest.mark.slow
def test_every_part_is_posted_though_uplink_and_receiver_die_again_and_again(tmp_path: Path, mes: Mes) -> None:
    draw = random.Random(11)
    home = make_home(tmp_path / "home", outputs=[webhook(mes)])
    with running(home):
        wait_for(lambda: len(mes.posts) > 5, SLOW_S, "the first parts")
        for mood in ("kill", "fail", "kill", "hang", "stop", "kill", "both"):
            before = len(mes.posts)
            mes.default = 500 if mood in ("fail", "both") else 204
            mes.hang = mood == "hang"
            mes.released.clear()
            if mood == "stop":
                mes.stop()
            if mood in ("kill", "both"):
                time.sleep(draw.uniform(0, 0.2))
                first = children(home)["uplink"]
                os.kill(first, signal.SIGKILL)
                wait_for(lambda dead=first: children(home).get("uplink", dead) != dead, SLOW_S, "the restart")  # type: ignore[misc]
            time.sleep(1.0)
            if mood == "stop":
                mes.start()
            mes.default, mes.hang = 204, False
            mes.released.set()
            wait_for(lambda seen=before: len(mes.posts) > seen + 5, SLOW_S, f"parts after '{mood}'")  # type: ignore[misc]
    waiting = finished(home)
    with running(home):
        wait_for(lambda: waiting <= set(mes.keys), SLOW_S, "the last parts")
    order = [(part.boot, part.seq) for part in parts_of(home) if part.final]
    told = first_ones(mes.keys)
    assert told == order[: len(told)], "none left out, in the order in which they were finished"
    assert mes.forged == 0
    for post in mes.posts:
        assert post.id == f"{post.body['boot']}-{post.body['seq']}"
    bodies = {post.id: post.raw for post in mes.posts}
    assert all(bodies[post.id] == post.raw for post in mes.posts), "a repeat is the same to the byte"
    sys.stderr.write(f"{len(order)} parts, {len(mes.posts) - len(told)} repeats\n")


@pytest.mark.slow
def test_a_part_the_receiver_refuses_is_skipped_and_the_others_arrive(tmp_path: Path, mes: Mes) -> None:
    mes.status = {3: 422}
    home = make_home(tmp_path / "home", outputs=[webhook(mes)])
    with running(home):
        wait_for(lambda: len(mes.posts) > 5, SLOW_S, "the parts behind the refused one")
    assert [seq for _, seq in first_ones(mes.keys)][:4] == [1, 2, 4, 5]
    assert tallies(home)["output.webhook.skipped"] == 1
    assert tallies(home)["fault.output-webhook"] == 1


@pytest.mark.slow
def test_a_message_makes_a_part_and_its_verdict_comes_back_under_its_id(tmp_path: Path, broker: Mosquitto) -> None:
    home = make_home(
        tmp_path / "home",
        trigger={"kind": "mqtt", "url": broker.url, "topic": "line/trigger", "depth": 64},
        outputs=[{"kind": "mqtt", "url": broker.url, "topic": "line/verdict"}],
    )
    machine = Machine(broker.url)
    machine.ask({"serial": "old", "id": "old"}, retain=True)
    with running(home):
        wait_for(lambda: bool(hot_status(home).get("ready")), SLOW_S, "ready")
        wait_for(lambda: "trigger" in uplink_status(home), SLOW_S, "the uplink")
        wait_for(lambda: uplink_status(home)["trigger"] == "", SLOW_S, "the broker")
        waits = []
        for number in range(20):
            begun = time.monotonic()
            machine.ask({"serial": f"S{number}", "id": f"m{number}"})
            if number % 4 == 0:
                machine.ask({"serial": f"S{number}", "id": f"m{number}"})
            wait_for(lambda n=number: f"m{n}" in machine.heard_at, SLOW_S, "the verdict")  # type: ignore[misc]
            waits.append(machine.heard_at[f"m{number}"] - begun)
        sys.stderr.write(f"trigger to verdict, median of 20: {sorted(waits)[10] * 1e3:.0f} ms\n")
        machine.ask(b"go!")
        machine.ask(b"")
        wait_for(lambda: machine.ids()[-1] == "", SLOW_S, "the part without a name")
        os.kill(children(home)["hot"], signal.SIGKILL)
        wait_for(lambda: not hot_status(home), SLOW_S, "the exit to be noticed")
        wait_for(lambda: bool(hot_status(home).get("ready")), SLOW_S, "ready again")
        machine.ask({"serial": "S1", "id": "m1"})
        machine.ask({"serial": "new", "id": "new"})
        wait_for(lambda: "new" in machine.ids(), SLOW_S, "the last part")
    machine.link.close()
    assert machine.ids() == [*(f"m{n}" for n in range(20)), "", "new"], "one part a message, none for the retained one"
    serials = [part.serial for part in parts_of(home)]
    assert (serials[:20], serials[21:]) == ([f"S{n}" for n in range(20)], ["new"])
    assert [notice["serial"] for notice in machine.told] == serials
    assert {notice["verdict"] for notice in machine.told} <= {"accept", "reject"}
    counts = tallies(home)
    assert (counts["trigger.malformed"], counts["trigger.repeated"]) == (1, 6)


@pytest.mark.slow
def test_what_was_judged_while_the_broker_was_dead_is_published_when_it_is_back(
    tmp_path: Path, broker: Mosquitto, mes: Mes
) -> None:
    output = {"kind": "mqtt", "url": broker.url, "topic": "line/verdict", "timeout_ms": 300}
    home = make_home(tmp_path / "home", outputs=[output, webhook(mes)])
    machine = Machine(broker.url)
    with running(home):
        wait_for(lambda: len(machine.told) > 3, SLOW_S, "the first parts")
        with paused(home):  # what the broker has, the machine gets; only then may the broker forget
            time.sleep(0.3)
            broker.kill()
            wait_for(lambda: not machine.link.connected, SLOW_S, "the loss")
        posts = len(mes.posts)
        wait_for(lambda: len(mes.posts) > posts + 20, SLOW_S, "the other output, which does not wait")
        with paused(home):
            broker.start()
            assert machine.link.wait_connected(SLOW_S)
            time.sleep(0.3)
        begun = time.monotonic()
        wait_for(lambda: finished(home) <= set(machine.keys()), SLOW_S, "what had waited")
        sys.stderr.write(f"told {time.monotonic() - begun:.1f} s after the broker came back\n")
        broker.signal(signal.SIGSTOP)
        time.sleep(1.0)
        broker.signal(signal.SIGCONT)
        os.kill(children(home)["uplink"], signal.SIGKILL)
        time.sleep(1.0)
    waiting = finished(home)
    with running(home):
        wait_for(lambda: waiting <= set(machine.keys()), SLOW_S, "the last parts")
    machine.link.close()
    order = [(part.boot, part.seq) for part in parts_of(home) if part.final]
    told = first_ones(machine.keys())
    assert told == order[: len(told)]


@contextmanager
def paused(home: Home) -> Iterator[None]:
    """The uplink stands still meanwhile."""
    uplink = children(home)["uplink"]
    os.kill(uplink, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(uplink, signal.SIGCONT)


def uplink_status(home: Home) -> dict[str, Any]:
    note: dict[str, Any] = json.loads(home.station.read_text()) if home.station.exists() else {}
    status: dict[str, Any] = note.get("status", {}).get("uplink", {})
    return status
