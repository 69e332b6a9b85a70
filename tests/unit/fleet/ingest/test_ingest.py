"""Ingest on a real database: once each, in any order, nothing blocks."""

from __future__ import annotations

import json
import random
import zlib
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select

from edge_agent.contracts.messages import Ack, Stream, decode
from edge_agent.contracts.topics import Channel
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.contracts.window import MAX_WINDOW_BYTES, Baseline, Feature
from fleet.ingest.consume import Consumer
from fleet.store.database import Database
from fleet.store.tables import Alert, Counter, Device, Event, Position, Quarantine, Window
from tests.simulators.fleet_device import BUNDLE, Station, add_devices, new_database

BASELINE = Baseline(
    features=(Feature(name="f", edges=(1.0,), origin=0.0, step=0.1, counts=(1, 1), mean=1.0, deviation=1.0),),
    labels=("good", "scratch"),
)


class Desk:
    """A consumer without its thread, and what it sent."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.sent: list[tuple[str, bytes]] = []
        self.consumer = Consumer(database, lambda t, p: self.sent.append((t, p)), lambda outcome: None, lambda: 1000)

    def take(self, *messages):
        self.consumer.handle(list(messages))

    def acked(self, stream: Stream = Stream.EVENT) -> int:
        """The last acknowledged number."""
        positions = [p for _, payload in self.sent for p in decode(Ack, payload).positions if p.stream is stream]
        return positions[-1].seq

    def rows(self, table):
        with self.database.read() as session:
            return list(session.scalars(select(table)))

    def counters(self, bundle: str = BUNDLE) -> dict[str, int]:
        return {row.name: row.value for row in self.rows(Counter) if row.bundle == bundle}


@pytest.fixture
def desk(tmp_path: Path):
    database = new_database(tmp_path)
    add_devices(database, "cam1", "cam2")
    yield Desk(database)
    database.close()


def test_events_are_stored_counted_and_acknowledged_on_the_devices_own_topic(desk):
    cam = Station("cam1")
    desk.take(cam.events(cam.event(cam.decided()), cam.event(cam.decided(Verdict.REJECT, Reason.MODEL_ERROR))))
    desk.take(cam.events(cam.event(cam.reviewed(Verdict.ACCEPT, Verdict.REJECT))))
    assert desk.sent[-1][0] == cam.address.topic(Channel.ACK)
    assert desk.acked() == 3
    assert desk.counters() == {
        "parts": 2,
        "verdict.accept": 1,
        "verdict.reject": 1,
        "final.accept": 1,
        "final.reject": 1,
        "reason.model": 1,
        "reason.model-error": 1,
        "reviewed": 1,
        "review.overridden": 1,
    }


def test_out_of_order_and_repeated_batches_end_the_same(desk):
    cam = Station("cam1")
    events = [cam.event(cam.decided()) for _ in range(40)]
    batches = [cam.events(*events[i : i + 4]) for i in range(0, 40, 4)] * 3
    random.Random(3).shuffle(batches)
    for batch in batches:
        desk.take(batch)
    assert desk.acked() == 40
    assert desk.counters()["parts"] == 40
    assert len(desk.rows(Event)) == 40
    assert desk.rows(Quarantine) == []


@pytest.mark.fault("A25")
def test_a_batch_is_stored_in_the_order_of_its_numbers_with_the_doubt_about_its_clock(desk):
    cam = Station("cam1")
    first, second = ([cam.event(cam.decided()) for _ in range(3)] for _ in range(2))
    desk.take(cam.events(*reversed(first), suspect=True))
    desk.take(cam.events(*second), cam.events(*first))
    rows = sorted(desk.rows(Event), key=lambda row: row.id)
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row.clock_suspect for row in rows] == [True] * 3 + [False] * 3
    assert desk.rows(Quarantine) == [], "the same facts without the doubt are the same facts"


def test_a_gap_is_not_acknowledged_until_it_is_filled(desk):
    cam = Station("cam1")
    one, two, three, four = (cam.event(cam.decided()) for _ in range(4))
    desk.take(cam.events(one))
    desk.take(cam.events(three, four))
    assert desk.acked() == 1
    desk.take(cam.events(two))
    assert desk.acked() == 4
    [position] = desk.rows(Position)
    assert (position.seq, position.highest) == (4, 4)


def test_boots_and_devices_are_streams_of_their_own(desk):
    old, new, other = Station("cam1"), Station("cam1", boot=UUID(int=2)), Station("cam2")
    desk.take(*(s.events(s.event(s.decided())) for s in (old, new, other)))
    assert len(desk.rows(Event)) == 3
    acks = [decode(Ack, payload) for _, payload in desk.sent]
    assert sorted(len(ack.positions) for ack in acks) == [1, 2]


def test_a_torn_event_keeps_its_place_and_holds_nobody_up(desk):
    cam = Station("cam1")
    batch = cam.events(*(cam.event(cam.decided()) for _ in range(3)))
    body = json.loads(batch.payload)
    body["events"][1]["data"]["verdict"] = "perhaps"
    desk.take(cam.message(Channel.EVENT, json.dumps(body).encode()))
    assert desk.acked() == 3
    assert desk.counters()["parts"] == 2
    [quarantined] = desk.rows(Quarantine)
    assert "verdict" in quarantined.reason
    desk.take(cam.events(cam.event(cam.decided())))
    assert desk.acked() == 4


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"\xff" * 10, b'{"boot": 1, "events": [1]}', b"[" * 5000])
@pytest.mark.parametrize("channel", [Channel.EVENT, Channel.WINDOW, Channel.REPORTED, Channel.PRESENCE, Channel.HEALTH])
def test_rubbish_is_quarantined_once_and_the_rest_goes_on(desk, payload, channel):
    cam = Station("cam1")
    rubbish = cam.message(channel, payload)
    desk.take(rubbish, cam.events(cam.event(cam.decided())), rubbish)
    assert desk.acked() == 1
    [row] = desk.rows(Quarantine)
    assert (row.times, row.payload) == (2, payload)
    assert [alert.kind for alert in desk.rows(Alert)] == ["quarantine"]


def test_what_the_database_refuses_is_found_among_good_messages(desk):
    cam = Station("cam1")
    huge = cam.events(cam.event(cam.decided(), at_ms=10**30))
    desk.take(cam.events(cam.event(cam.decided())), huge, cam.reported("COMMITTED", 10**30, None))
    assert desk.acked() == 2
    assert desk.counters()["parts"] == 1
    assert {row.reason for row in desk.rows(Quarantine)} == {"the database refuses its content"}


def test_a_stranger_and_a_device_at_another_site_are_not_taken_in(desk):
    for station in (Station("nobody"), Station("cam1", site="elsewhere")):
        desk.take(station.events(station.event(station.decided())))
    assert desk.rows(Event) == []
    assert desk.sent == []
    assert len(desk.rows(Quarantine)) == 2


def test_windows_are_kept_as_they_came(desk):
    cam = Station("cam1")
    first, second = cam.window(BASELINE, 1), cam.window(BASELINE, 2, parts=7)
    desk.take(second, first, first)
    assert desk.acked(Stream.WINDOW) == 2
    rows = desk.rows(Window)
    assert {row.seq: row.payload for row in rows} == {1: first.payload, 2: second.payload}
    assert {row.schema_id for row in rows} == {BASELINE.schema_id}


def torn(window):
    """Windows that cannot be read, but whose number can be made out."""
    body = json.loads(zlib.decompress(window.payload))
    newer = {**body, "head": {**body["head"], "schema_version": 2}}
    large = {**body, "tail": "x" * MAX_WINDOW_BYTES}
    timeless = {**body, "head": {**body["head"], "ended_ms": -1}}
    yield from (zlib.compress(json.dumps(one).encode()) for one in (newer, large, timeless))
    yield from (window.payload[:-8], json.dumps(body).encode())


@pytest.mark.parametrize("kind", range(5))
def test_a_window_that_cannot_be_read_keeps_its_place_and_holds_nobody_up(desk, kind):
    cam = Station("cam1")
    bad = cam.message(Channel.WINDOW, list(torn(cam.window(BASELINE, 2)))[kind])
    desk.take(cam.window(BASELINE, 1))
    desk.take(bad, cam.window(BASELINE, 3))
    assert desk.acked(Stream.WINDOW) == 3
    desk.take(bad)
    assert desk.acked(Stream.WINDOW) == 3
    [quarantined] = desk.rows(Quarantine)
    assert (quarantined.device, quarantined.times, quarantined.payload) == ("cam1", 2, bad.payload)
    assert quarantined.reason.startswith("window: ")
    assert [(row.seq, row.bundle) for row in desk.rows(Window)] == [(1, BUNDLE), (2, ""), (3, BUNDLE)]


def test_a_window_that_the_database_refuses_keeps_its_place(desk):
    cam = Station("cam1")
    body = json.loads(zlib.decompress(cam.window(BASELINE, 1).payload))
    body["head"]["ended_ms"] = 10**30
    desk.take(cam.message(Channel.WINDOW, zlib.compress(json.dumps(body).encode())), cam.window(BASELINE, 2))
    assert desk.acked(Stream.WINDOW) == 2
    assert [row.reason for row in desk.rows(Quarantine)] == ["the database refuses its content"]


@pytest.mark.parametrize("seq", [0, -1, 1.5, 2**70, None])
def test_a_window_without_a_number_is_quarantined_alone(desk, seq):
    cam = Station("cam1")
    body = json.loads(zlib.decompress(cam.window(BASELINE, 1).payload))
    body["head"]["seq"] = seq
    desk.take(cam.message(Channel.WINDOW, zlib.compress(json.dumps(body).encode())))
    assert (desk.rows(Window), desk.sent) == ([], [])
    [row] = desk.rows(Quarantine)
    assert "its number cannot be read either" in row.reason


def test_a_retained_message_does_not_make_a_device_seen(desk):
    cam = Station("cam1")
    desk.take(cam.presence(online=True, session=1, retained=True))
    [device] = [d for d in desk.rows(Device) if d.id == "cam1"]
    assert (device.online, device.last_seen_ms) == (True, None)
    desk.take(cam.presence(online=True, session=2))
    [device] = [d for d in desk.rows(Device) if d.id == "cam1"]
    assert device.last_seen_ms == 1000


def test_the_consumer_thread_commits_what_is_queued_before_it_ends(desk):
    cam = Station("cam1")
    desk.consumer.start()
    for _ in range(50):
        message = cam.events(cam.event(cam.decided()))
        desk.consumer.put(message.topic, message.payload, False)
    desk.consumer.stop()
    assert desk.counters()["parts"] == 50
    with desk.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 50
