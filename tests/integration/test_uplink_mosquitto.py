"""A real uplink on a real Mosquitto: what is said, what survives a dead broker, and a whole update."""

from __future__ import annotations

import hashlib
import time
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from edge_agent.contracts.messages import (
    Command,
    Desired,
    Health,
    Presence,
    Probation,
    Sampling,
    Stream,
    decode,
    encode,
)
from edge_agent.contracts.states import UpdateState
from edge_agent.contracts.topics import Channel
from edge_agent.contracts.verdict import Automation
from edge_agent.journal import outbox
from edge_agent.journal.ring import picture_path
from tests.simulators.made_up import made_up_bundle
from tests.simulators.mosquitto import Mosquitto
from tests.simulators.uplinked import SITE, FleetEnd, Station, enrol


@pytest.fixture
def broker(tmp_path: Path):
    (tmp_path / "broker").mkdir()
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def fleet(broker):
    end = FleetEnd(broker.url)
    assert end.link.wait_connected(5)
    yield end
    end.close()


@pytest.fixture
def home(tmp_path, broker, registry):
    enrol(tmp_path / "home", broker.url, registry)
    return tmp_path / "home"


def eventually(condition, timeout: float = 15.0) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_a_desired_release_is_installed_and_every_move_reported(home, registry, fleet, tmp_path):
    ref = registry.publish(made_up_bundle(tmp_path / "made"), 1)
    fleet.desire(
        Desired(
            generation=3,
            at_ms=0,
            model=ref,
            rollout="r1",
            probation=Probation(seconds=0, parts=2),
            automation=Automation.FULL,
            sampling=Sampling(audit=0.25),
        )
    )
    with Station(home) as station:
        assert fleet.wait(lambda: bool(fleet.reported) and fleet.reported[-1].state is UpdateState.PROBATION)
        station.judge(2)
        assert fleet.wait(lambda: fleet.reported[-1].state is UpdateState.COMMITTED)
        last = fleet.reported[-1]
        assert (last.running, last.last_good, last.generation, last.rollout) == (ref.bundle, ref.bundle, 3, "r1")
        assert last.running_release == 1
        assert {"to": "hot", "kind": "settings", "audit": 0.25, "weighted": 0.0, "automation": "full"} in station.sent
        assert fleet.wait(lambda: fleet.facts.count(station.boot) == 9 + 2)
        assert eventually(lambda: outbox.depth(station.database, Stream.EVENT) == 0)


def test_birth_health_and_farewell(home, fleet):
    with Station(home) as station:
        station.judge(4)
        assert fleet.wait(lambda: any(channel is Channel.HEALTH for channel, _, _ in fleet.heard))
        births = [decode(Presence, payload) for channel, payload, _ in fleet.heard if channel is Channel.PRESENCE]
        assert births[0].online
        assert births[0].boot == station.boot
        assert fleet.wait(
            lambda: any(
                decode(Health, payload).counters.get("final.accept") == 4
                for channel, payload, _ in fleet.heard
                if channel is Channel.HEALTH
            )
        )

    def presence() -> Presence:
        return [decode(Presence, payload) for channel, payload, _ in fleet.heard if channel is Channel.PRESENCE][-1]

    assert fleet.wait(lambda: not presence().online)
    assert presence().session == births[0].session


@pytest.mark.fault("A22")
def test_with_the_broker_dead_everything_waits_and_arrives_once_afterwards(home, broker, tmp_path):
    fleet = FleetEnd(broker.url)
    with Station(home) as station:
        station.judge(10)
        assert fleet.wait(lambda: fleet.facts.count(station.boot) == 10)
        broker.kill()
        station.judge(700)
        time.sleep(0.3)
        assert outbox.depth(station.database, Stream.EVENT) >= 700
        broker.start()
        assert fleet.wait(lambda: fleet.facts.count(station.boot) == 710, 30)
        assert eventually(lambda: outbox.depth(station.database, Stream.EVENT) == 0, 30)
    fleet.close()


@pytest.mark.fault("A23")
def test_what_was_published_but_not_acknowledged_is_sent_again_and_counted_once(home, broker):
    boot = uuid4()
    with closing(FleetEnd(broker.url, acknowledge=False)) as deaf:
        with Station(home, boot) as station:
            station.judge(5)
            assert deaf.wait(lambda: deaf.facts.count(boot) == 5)
        deaf.acknowledge = True
        with Station(home) as station:
            station.judge(3)
            assert deaf.wait(lambda: deaf.facts.count(station.boot) == 3)
            # At least once: on a slow machine what is not acknowledged goes out more than twice.
            assert deaf.wait(lambda: deaf.facts.received >= 13)
            assert deaf.facts.count(boot) == 5
            assert eventually(lambda: not outbox.boots(station.database, Stream.EVENT))


@pytest.mark.fault("F11")
def test_a_broker_that_lost_its_store_gets_the_retained_state_again(home, broker, fleet):
    with Station(home):
        assert fleet.wait(lambda: bool(fleet.reported))
        broker.kill()
        broker.start()
        late = FleetEnd(broker.url)
        assert late.wait(lambda: bool(late.reported))
        late.close()


def test_commands_are_obeyed_once_and_not_after_their_expiry(home, fleet):
    with Station(home):
        before = settled(fleet)
        now = int(time.time() * 1000)
        command = Command(id=uuid4(), expires_ms=now + 60_000, name="report")
        old = Command(id=uuid4(), expires_ms=now - 1000, name="report")
        for message in (old, command, command):
            fleet.link.publish(SITE.topic(Channel.CMD), encode(message))
        assert fleet.wait(lambda: len(fleet.reported) == before + 1)
        time.sleep(0.3)
        assert len(fleet.reported) == before + 1


def settled(fleet):
    """Wait until the station has said of itself what it says when it starts; return how many reports that took."""
    assert fleet.wait(lambda: bool(fleet.reported))
    count = 0
    while count != len(fleet.reported):
        count = len(fleet.reported)
        time.sleep(1.0)
    return count


def test_the_self_test_can_be_asked_for_and_its_result_is_an_event(home, fleet):
    with Station(home) as station:
        assert fleet.wait(lambda: len(fleet.reported) == 1)
        command = Command(id=uuid4(), expires_ms=int(time.time() * 1000) + 60_000, name="selftest")
        fleet.link.publish(SITE.topic(Channel.CMD), encode(command))
        assert fleet.wait(lambda: fleet.facts.count(station.boot) == 1)
        assert any(b"no model is installed" in fact for fact in fleet.facts.facts.values())


def test_what_is_no_message_of_ours_is_refused_and_does_no_harm(home, fleet):
    with Station(home) as station:
        assert fleet.wait(lambda: bool(fleet.reported))
        for payload in (b"{", b"\xff", b'{"generation":0}', b'{"positions":[]}'):
            for channel in (Channel.DESIRED, Channel.ACK, Channel.CMD):
                fleet.link.publish(SITE.topic(channel), payload)
        station.judge(1)
        assert fleet.wait(lambda: fleet.facts.count(station.boot) == 1)
        assert eventually(lambda: station.uplink.conversation.refused >= 12)


def test_wanted_pictures_are_uploaded_and_kept_for_later_while_the_fleet_is_away(home, registry, broker):
    data = b"a picture"
    digest = hashlib.sha256(data).hexdigest()
    registry.down = True
    with Station(home) as station:
        path = picture_path(station.home.images, digest)
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        with station.database.transaction():
            station.database.run(
                "add_image",
                digest=digest,
                **{"class": 0},
                bytes=len(data),
                stored_ms=1,
                upload="wanted",
                probability=1.0,
                part=1,
            )
        time.sleep(0.3)
        registry.down = False
        assert eventually(lambda: registry.uploads.get(digest) == data)
        assert eventually(lambda: station.database.row("images_wanted", limit=1) is None)
