"""Numbered faults of fleet, rollout and ingest, against a real Mosquitto, a real database and the running server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from edge_agent.contracts.messages import Presence, encode
from edge_agent.contracts.states import UpdateState
from edge_agent.contracts.topics import Channel
from edge_agent.contracts.verdict import Reason
from edge_agent.contracts.window import Baseline, Feature, Statistics, WindowHead, encode_window
from fleet.broker.files import write_all
from fleet.founding import broker_account, found
from fleet.home import Home
from fleet.store.tables import Alert, Counter, Device, Event, Quarantine, Window
from tests.simulators.fleet_server import Server, eventually, fleet_server
from tests.simulators.mosquitto import Mosquitto, free_port

BASELINE = Baseline(
    features=(Feature(name="f", edges=(1.0,), origin=0.0, step=0.1, counts=(1, 1), mean=1.0, deviation=1.0),),
    labels=("good", "scratch"),
)


@pytest.fixture
def server(tmp_path: Path):
    with fleet_server(tmp_path, broker="mosquitto") as running:
        yield running


def _parts(server: Server, device: str) -> int:
    with server.service.context.database.read() as session:
        query = select(func.sum(Counter.value)).where(Counter.device == device, Counter.name == "parts")
        return int(session.scalar(query) or 0)


def _rows(server: Server, table: Any) -> list[Any]:
    with server.service.context.database.read() as session:
        return list(session.scalars(select(table)))


def _statuses(server: Server, rollout: str) -> dict[str, str]:
    return {row["device"]: row["status"] for row in server.show(rollout)["devices"]}


@pytest.mark.fault("F08")
def test_an_event_delivered_twice_counts_once(server):
    cam = server.station("cam1")
    batch = cam.inspect(10)
    assert cam.wait_acked(10)
    for _ in range(3):
        cam.send(batch)
    cam.inspect(1)
    assert cam.wait_acked(11)
    assert _parts(server, "cam1") == 11
    assert _rows(server, Quarantine) == []


@pytest.mark.fault("F09")
def test_installing_after_committed_is_ignored(server):
    server.publish("v1")
    cam = server.station("cam1")
    rollout = server.rollout()
    assert server.reaches(rollout, "done")
    cam.move(UpdateState.DOWNLOADING)
    assert cam.wait_acked(cam.seq)
    assert _statuses(server, rollout) == {"cam1": "committed"}
    assert server.show(rollout)["state"] == "done"


@pytest.mark.fault("F07")
def test_a_later_fallback_takes_the_success_back_and_gates_again(server):
    one = server.publish("v1")
    cam = server.station("cam1")
    first = server.rollout()
    assert server.reaches(first, "done")
    server.publish("v2")
    second = server.rollout()
    assert server.reaches(second, "done")
    cam.running = one.ref
    cam.report(UpdateState.ROLLED_BACK, "three crashes")
    assert server.reaches(second, "aborted")
    shown = server.show(second)
    assert "install" in shown["reason"]
    assert shown["gates"]["install"]["verdict"] == "fail"
    assert eventually(lambda: _statuses(server, second) == {"cam1": "restored"})


@pytest.mark.fault("F11")
def test_a_broker_that_loses_its_store_gets_everything_again(tmp_path):
    home, port = Home(tmp_path / "home"), free_port()
    found(home)
    files = tmp_path / "mosquitto"
    write_all(files, [broker_account(home)[0]], "127.0.0.1", port)
    with (
        Mosquitto(files, port=port) as broker,
        fleet_server(tmp_path, broker=broker.url, broker_files=files) as server,
    ):
        server.publish("v1")
        cam = server.station("cam1")
        rollout = server.rollout()
        assert server.reaches(rollout, "done")
        broker.kill()
        batch = cam.inspect(5)
        broker.start()
        assert cam.link.wait_connected(40)
        assert any(_sent_again(cam, batch, 5) for _ in range(20))
        assert _parts(server, "cam1") == 5
        cam.disconnect()
        reflashed = server.station("cam1-watch")  # a newcomer gets its version from a broker that had forgotten all
        assert eventually(lambda: reflashed.running is not None, 30)
        cam.desired.clear()
        cam.connect()
        assert eventually(lambda: bool(cam.desired), 30)
        assert cam.desired[-1].rollout == rollout


def _sent_again(station, batch, seq) -> bool:
    """Send as an outbox does: what nobody was there to take is sent once more."""
    station.send(batch)
    return station.wait_acked(seq, 2.0)


@pytest.mark.fault("F13")
def test_a_stale_will_after_rebirth_keeps_the_device_online(server):
    cam = server.station("cam1")

    def online() -> bool:
        return next(bool(row.online) for row in _rows(server, Device))

    assert eventually(online)
    stale = Presence(online=False, boot=cam.boot, session=cam.session - 1, at_ms=1)
    cam.link.publish(cam.credentials.address.topic(Channel.PRESENCE), encode(stale), 1, True).wait(5)
    cam.inspect(1)
    assert cam.wait_acked(1)
    assert online()
    cam.link._sever()  # the broker now sends the will of this session
    assert eventually(lambda: cam.session == 2 and online(), 30)


@pytest.mark.fault("F23")
@pytest.mark.slow
def test_silence_of_four_in_fifty_aborts_and_offline_devices_are_counted_apart(server):
    server.publish("v1")
    for number in range(46):
        server.station(f"good{number}")
    for number in range(4):
        server.station(f"mute{number}", behaviour="silent")
    assert eventually(lambda: sum(bool(row.online) for row in _rows(server, Device)) == 50, 60)
    server.station("away", start=False)
    rollout = server.rollout(stages="100%", deadline_ms=8_000)
    assert server.reaches(rollout, "aborted", 60)
    install = server.show(rollout)["gates"]["install"]
    assert (install["n"], round(install["value"], 4)) == (50, 0.08)
    assert "4 of 50" in install["reason"]
    restoring = _statuses(server, rollout)
    assert restoring.pop("away") in ("restoring", "restored")
    assert set(restoring.values()) <= {"restoring", "restored"}


@pytest.mark.fault("F24")
def test_a_gate_without_figures_holds_and_never_promotes(server):
    server.publish("v1")
    cams = [server.station(f"cam{number}") for number in range(4)]
    rollout = server.rollout(canary="1", limits={"parts": 30})
    assert eventually(lambda: server.show(rollout)["gates"].get("install", {}).get("verdict") == "pass")
    time.sleep(1.5)
    shown = server.show(rollout)
    assert (shown["state"], shown["stage"], shown["gates"]["health"]["verdict"]) == ("running", 1, "hold")
    [canary] = [cam for cam in cams if cam.desired]
    canary.inspect(29)
    assert canary.wait_acked(29)
    time.sleep(1.5)
    assert server.show(rollout)["stage"] == 1
    canary.inspect(1)
    assert server.reaches(rollout, "done")


@pytest.mark.fault("F24")
def test_a_model_that_breaks_on_its_parts_is_taken_back_from_the_canary_alone(server):
    server.publish("v1")
    cams = [server.station(f"cam{number}") for number in range(4)]
    first = server.rollout(stages="100%")
    assert server.reaches(first, "done")
    second = server.publish("v2")
    rollout = server.rollout(canary="1", limits={"parts": 30})
    assert eventually(lambda: any(cam.running and cam.running.bundle == second.ref.bundle for cam in cams))
    [canary] = [cam for cam in cams if cam.running and cam.running.bundle == second.ref.bundle]
    canary.inspect(20, Reason.MODEL_ERROR)
    assert server.reaches(rollout, "aborted")
    assert eventually(lambda: _statuses(server, rollout)[canary.credentials.device] == "restored")
    assert canary.desired[-1].model.version == "v1"
    assert canary.desired[-1].model.release > second.ref.release
    assert [len(cam.desired) for cam in cams if cam is not canary] == [1, 1, 1]


def _window(cam: Any, seq: int, parts: int) -> bytes:
    head = WindowHead(
        boot=cam.boot,
        seq=seq,
        schema_id=BASELINE.schema_id,
        bundle="b" * 64,
        started_ms=0,
        ended_ms=60_000,
        parts=parts,
    )
    return encode_window(head, Statistics.empty(BASELINE))


@pytest.mark.fault("M01")
def test_a_window_resent_five_times_is_one_window(server):
    cam = server.station("cam1")
    topic, payload = cam.credentials.address.topic(Channel.WINDOW), _window(cam, 1, 10)
    for _ in range(6):
        cam.link.publish(topic, payload, 1, False).wait(5)
    assert cam.wait_acked(1)
    cam.link.publish(topic, _window(cam, 2, 10), 1, False)
    assert cam.wait_acked(2)
    assert [(row.seq, row.parts) for row in _rows(server, Window)] == [(1, 10), (2, 10)]


@pytest.mark.fault("M02")
def test_the_same_key_with_other_bytes_is_quarantined_with_an_alert(server):
    cam = server.station("cam1")
    topic = cam.credentials.address.topic(Channel.WINDOW)
    cam.link.publish(topic, _window(cam, 1, 10), 1, False)
    assert cam.wait_acked(1)
    other = _window(cam, 1, 11)
    cam.link.publish(topic, other, 1, False)
    assert eventually(lambda: bool(_rows(server, Quarantine)))
    [kept] = _rows(server, Quarantine)
    assert kept.payload == other
    assert "other content" in kept.reason
    [alert] = _rows(server, Alert)
    assert (alert.kind, alert.subject, alert.closed_ms) == ("quarantine", "cam1", None)
    assert [row.parts for row in _rows(server, Window)] == [10]
    assert _rows(server, Event) == []
