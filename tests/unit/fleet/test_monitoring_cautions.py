"""What live tickets ask of stations: who is mistrusted, who is audited more, and that nobody is asked twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.messages import Caution, Desired
from edge_agent.contracts.topics import Address, Channel
from fleet.monitoring import tickets
from fleet.monitoring.causes import Cause
from fleet.monitoring.cautions import Asked, CautionPolicy, Suspicion, asked
from fleet.monitoring.demands import Demands, asked_now
from fleet.monitoring.findings import ENDED, OPEN
from fleet.monitoring.lifecycle import TicketPolicy
from fleet.rollout.transitions import DeviceStatus
from fleet.store.database import Database
from fleet.store.monitoring_tables import Finding
from fleet.store.tables import Device, RolloutDevice

A, B = "a" * 64, "b" * 64
POLICY = CautionPolicy(audit=0.1)
NOTHING = Asked()


def suspicion(cause: Cause = Cause.DATA, devices: tuple[str, ...] = (), lasting: bool = True, ticket: str = "t-0001"):
    return Suspicion(ticket, "north", A, cause, "the parts look different", frozenset(devices), lasting)


def ask(*suspicions: Suspicion, device: str = "d1", site: str = "north", running: str = A, before: Asked = NOTHING):
    return asked(device, site, {running}, suspicions, POLICY, before)


def test_new_parts_cost_trust_and_ask_for_more_audits():
    assert ask(suspicion()) == Asked(0.1, Caution(bundle=A, reason="the parts look different", ticket="t-0001"))


@pytest.mark.parametrize("cause", [Cause.LIGHTING, Cause.BLUR])
def test_the_camera_costs_no_trust_but_people_look_more_often(cause):
    assert ask(suspicion(cause)) == Asked(0.1, None)


def test_another_site_and_another_model_are_left_alone():
    assert ask(suspicion(), site="south") == NOTHING
    assert ask(suspicion(), running=B) == NOTHING
    assert asked("d1", "north", set(), [suspicion()], POLICY, NOTHING) == NOTHING


def test_only_the_devices_that_alarm_are_mistrusted_where_some_do():
    one = suspicion(devices=("d2",))
    assert ask(one, device="d2").caution is not None
    assert ask(one, device="d1") == Asked(0.1, None)


def test_a_caution_stays_word_for_word_until_its_ticket_is_closed():
    before = ask(suspicion())
    healed = Suspicion("t-0001", "north", A, Cause.DATA, "other words now", frozenset({"d9"}), False)
    assert ask(healed, before=before) == before
    assert ask(healed) == Asked(0.1, None), "what looks like training again demotes nobody any more"
    assert ask(before=before) == NOTHING
    assert ask(healed, before=before, running=B) == NOTHING


def test_a_fleet_may_leave_the_degree_to_people():
    quiet = CautionPolicy(demote=False, audit=0.0)
    assert asked("d1", "north", {A}, [suspicion()], quiet, NOTHING) == NOTHING


@pytest.fixture
def database(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'fleet.db'}")
    database.migrate()
    with database.begin() as session:
        for name, site in (("d1", "north"), ("d2", "south")):
            desired = Desired(generation=4, at_ms=0, rollout="r1").model_dump(mode="json")
            device = Device(id=name, site=site, line="l1", device_class="generic", credential="-", enrolled_ms=0)
            device.desired, device.desired_generation, device.generation = desired, 4, 4
            device.running, device.state = A, "COMMITTED"
            session.add(device)
            session.add(RolloutDevice(rollout="r1", device=name, stage=0, status="committed", generation=4))
    yield database
    database.close()


def drifted(database: Database, cause: Cause = Cause.DATA) -> str:
    finding = Finding(
        site="north", bundle=A, model="tiles", version="1", state=OPEN, cause=cause.value, text="odd parts"
    )
    finding.devices, finding.features, finding.charts = [], [], []
    finding.windows, finding.parts, finding.threshold, finding.first_ms, finding.last_ms = 3, 150, 1.0, 1, 2
    with database.begin() as session:
        session.add(finding)
        session.flush()
        ticket = tickets.follow(session, finding, TicketPolicy(), 10)
        assert ticket is not None
        return ticket.id


def follow(database: Database, demands: Demands) -> list[str]:
    with database.begin() as session:
        return [message.topic for message in demands.follow(session, 20)]


def desired(database: Database, name: str = "d1") -> Desired:
    with database.read() as session:
        return Desired.model_validate(session.get_one(Device, name).desired)


def follow_and_fail(database: Database, demands: Demands) -> None:
    with database.begin() as session:
        assert demands.follow(session, 20)
        raise RuntimeError("the database went away")


NORTH = Address("north", "d1").topic(Channel.DESIRED)


def test_a_ticket_is_asked_once_and_taken_back_once(database):
    demands = Demands(POLICY)
    assert follow(database, demands) == []
    ticket = drifted(database)
    assert follow(database, demands) == [NORTH]
    first = desired(database)
    assert (first.generation, first.sampling.audit, first.rollout) == (5, 0.1, "r1")
    assert first.caution == Caution(bundle=A, reason="odd parts", ticket=ticket)
    for again in (demands, Demands(POLICY)):
        assert follow(database, again) == []
    assert desired(database).generation == 5
    with database.read() as session:
        row = session.get_one(RolloutDevice, ("r1", "d1"))
        assert row.generation == 5, "its rollout goes on watching it"
    with database.begin() as session:
        tickets.act(session, ticket, "dismiss", "anna", {}, 30)
    assert follow(database, demands) == [NORTH]
    assert follow(database, demands) == []
    last = desired(database)
    assert (last.generation, last.sampling.audit, last.caution) == (6, 0.0, None)
    assert desired(database, "d2").generation == 4


def test_it_is_taken_back_by_a_server_that_was_started_meanwhile(database):
    ticket = drifted(database)
    follow(database, Demands(POLICY))
    with database.begin() as session:
        tickets.act(session, ticket, "dismiss", "anna", {}, 30)
    assert follow(database, Demands(POLICY)) == [NORTH]
    assert desired(database).caution is None


def test_what_was_not_committed_is_asked_again(database):
    demands, ticket = Demands(POLICY), drifted(database)
    follow(database, demands)
    with database.begin() as session:
        tickets.act(session, ticket, "dismiss", "anna", {}, 30)
    with pytest.raises(RuntimeError):
        follow_and_fail(database, demands)
    assert desired(database).caution is not None
    assert follow(database, demands) == [NORTH]


@pytest.mark.parametrize("busy", ["installing", "owing"])
def test_a_device_that_installs_is_left_alone_until_it_has_settled(database, busy):
    with database.begin() as session:
        session.get_one(Device, "d1").state = "DOWNLOADING" if busy == "installing" else "COMMITTED"
        status = DeviceStatus.OFFERED if busy == "owing" else DeviceStatus.COMMITTED
        session.get_one(RolloutDevice, ("r1", "d1")).status = status.value
    demands = Demands(POLICY)
    drifted(database)
    assert follow(database, demands) == []
    with database.begin() as session:
        session.get_one(Device, "d1").state = "COMMITTED"
        session.get_one(RolloutDevice, ("r1", "d1")).status = DeviceStatus.COMMITTED.value
    assert follow(database, demands) == [NORTH]


def test_a_lamp_raises_the_share_and_an_ended_finding_demotes_nobody_new(database):
    drifted(database, Cause.LIGHTING)
    follow(database, Demands(POLICY))
    assert (desired(database).sampling.audit, desired(database).caution) == (0.1, None)
    with database.begin() as session:
        session.query(Finding).update({"state": ENDED, "cause": "data"})
    assert follow(database, Demands(POLICY)) == []


def test_a_device_that_was_never_asked_for_anything_is_asked(database):
    with database.begin() as session:
        device = session.get_one(Device, "d1")
        device.desired, device.desired_generation, device.generation = None, 0, 0
    drifted(database)
    assert follow(database, Demands(POLICY)) == [NORTH]
    with database.read() as session:
        assert asked_now(session.get_one(Device, "d1").desired).caution is not None
    assert desired(database).model is None


def test_a_changeover_asks_for_nothing_new(database):
    drifted(database)
    demands = Demands(POLICY)
    assert follow(database, demands) == [NORTH]
    recipes = {"tiles": {"bundle": A, "release": 1}, "leather": {"bundle": B, "release": 4}}
    for running in (B, A):
        with database.begin() as session:
            device = session.get_one(Device, "d1")
            device.running, device.reported = running, {"recipe": "leather", "recipes": recipes}
        assert follow(database, demands) == []
    assert desired(database).caution is not None
