"""MQTT with the line against a real Mosquitto: a trigger's faults, and a part that is published once over an outage."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from edge_agent.clock import Clock
from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.line_messages import Notice, utc
from edge_agent.home import Home
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Journal
from edge_agent.outputs.secret import BrokerLogin
from edge_agent.uplink.line_mqtt import MqttReceiver, MqttTrigger, client_id
from edge_agent.uplink.link import Link
from tests.conftest import program, wait_for
from tests.simulators.mosquitto import Mosquitto


def notice(seq: int) -> Notice:
    rest = {"serial": "", "verdict": "accept", "reason": "model", "label": "", "score": None, "bundle": None}
    return Notice(part=seq, boot="b", seq=seq, at=utc(0), **rest)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    program("mosquitto")
    (tmp_path / "broker").mkdir()
    with Mosquitto(tmp_path / "broker") as running:
        yield running


def login(broker: Mosquitto) -> BrokerLogin:
    return BrokerLogin(broker.url, None, None, None)


def test_two_stations_on_one_machine_have_different_names(tmp_path: Path) -> None:
    names = {client_id(Home(tmp_path / place), "trigger") for place in ("a", "b", "a")}
    assert len(names) == 2


def test_a_part_is_published_once_though_its_acknowledgement_is_late(broker: Mosquitto) -> None:
    heard: list[bytes] = []
    ear = Link(broker.url, "ear", on_message=lambda topic, payload, retained: heard.append(payload))
    ear.subscribe(["line/verdict"])
    receiver = MqttReceiver(login(broker), "out", "line/verdict", 0.3)
    connected = threading.Event()
    receiver.on_connect = connected.set
    with pytest.raises(Unavailable):
        receiver.tell(notice(1))
    receiver.start()
    assert ear.wait_connected(10)
    assert connected.wait(10)
    receiver.tell(notice(1))
    broker.signal(signal.SIGSTOP)
    for _ in range(2):
        with pytest.raises(Unavailable, match="not acknowledged part 2"):
            receiver.tell(notice(2))
    broker.signal(signal.SIGCONT)
    receiver.tell(notice(2))
    receiver.tell(notice(3))
    wait_for(lambda: len(heard) == 3, 10, "the third part")
    assert heard == [notice(seq).encode() for seq in (1, 2, 3)]
    receiver.close()
    ear.close()


def test_a_broker_that_is_away_is_a_fault_until_it_is_back(tmp_path: Path, broker: Mosquitto) -> None:
    now = [0.0]
    journal = Journal(Database(tmp_path / "journal.db"), uuid4())
    journal.begin(0)
    sent: list[dict[str, Any]] = []
    clock = Clock(monotonic=lambda: now[0])
    trigger = MqttTrigger(login(broker), "in", "line/+/go", sent.append, journal, clock)
    trigger.start()
    wait_for(lambda: not trigger.problem, 10, "the connection")
    mouth = Link(broker.url, "mouth")
    assert mouth.wait_connected(10)
    time.sleep(0.2)
    for payload in (b'{"serial": "s", "id": "1"}', b"nonsense", b""):
        assert mouth.publish("line/4/go", payload).wait(10)
    wait_for(lambda: len(sent) == 2, 10, "two triggers")
    assert sent[0] == {"to": "hot", "kind": "trigger", "serial": "s", "id": "1", "recipe": "", "at": 0.0}
    assert journal.tallies() == {"trigger.malformed": 1}
    mouth.close()
    trigger.watch()
    broker.kill()
    wait_for(lambda: bool(trigger.problem), 10, "the loss")
    for now[0] in (1.0, 4.0, 6.0, 7.0):
        trigger.watch()
    assert journal.tallies()["fault.trigger-broker"] == 1
    broker.start()
    wait_for(lambda: not trigger.problem, 30, "the way back")
    trigger.watch()
    events = [payload for _, _, payload, _ in journal.database.rows("outbox_page", **page(journal))]
    assert [b'"active":true' in payload for payload in events] == [True, False]
    trigger.close()


def page(journal: Journal) -> dict[str, Any]:
    return {"boot": str(journal.boot), "stream": "event", "after": 0, "limit": 9}
