"""Faults of monitoring: silence, small windows, broken lamps, late and foreign windows are told apart from drift."""

import math

import pytest
from sqlalchemy import select

from edge_agent.contracts.window import Statistics
from fleet.monitoring import findings, tickets
from fleet.monitoring.baselines import Baselines
from fleet.monitoring.detectors import Outcome, Pool, Reference, Stream, absorb
from fleet.monitoring.evidence import Budget
from fleet.monitoring.watch import MonitoringSettings, Watch
from fleet.store.monitoring_tables import DriftPoint, Finding, Ticket, UsedWindow
from fleet.store.tables import Window
from tests.simulators.production import HOUR_MS, Production, baseline

DAY_MS = 24 * HOUR_MS
START = 1_700_000_000_000
DEVICES = {f"{site[0]}{i}": site for site in ("north", "south") for i in range(4)}


@pytest.fixture(scope="module")
def made():
    return baseline()


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def fleet(tmp_path, made):
    """Four devices at each of two sites, their windows, and the watch over them."""
    production = Production.begin(tmp_path, DEVICES, made)
    production.clock = Clock()
    production.settings = MonitoringSettings()
    production.watch = watch(production)
    yield production
    production.database.close()


def watch(production):
    baselines = Baselines(production.folder, production.settings.budget)
    return Watch(production.database, baselines, production.settings, production.clock)


def hours(fleet, count, dark=(), factor=0.85, parts=50):
    """Let `count` hours of production arrive, one window per device and hour; `dark` devices have a weak lamp."""
    for _ in range(count):
        fleet.clock.now += HOUR_MS
        for device in DEVICES:
            fleet.send(device, fleet.clock.now, parts, factor if device in dark else 1.0)
        while fleet.watch.step():
            pass


def all_rows(fleet, table):
    with fleet.database.read() as session:
        return list(session.scalars(select(table)))


def outcomes(fleet):
    return [row.outcome for row in all_rows(fleet, UsedWindow)]


@pytest.mark.fault("M08")
def test_seven_parts_in_eight_hours_are_insufficient_and_never_alarm(fleet):
    for hour in range(8):
        fleet.send("n0", START + hour * HOUR_MS, parts=1 if hour else 0, factor=0.3)
    fleet.watch.step()
    assert outcomes(fleet) == ["heartbeat"] + ["insufficient"] * 7
    assert all_rows(fleet, Finding) == []


@pytest.mark.fault("M09")
def test_zero_parts_are_a_heartbeat(fleet):
    for hour in range(200):
        fleet.send("n0", START + hour * HOUR_MS, parts=0)
    while fleet.watch.step():
        pass
    assert set(outcomes(fleet)) == {"heartbeat"}
    assert all_rows(fleet, DriftPoint) == all_rows(fleet, Finding) == []


@pytest.mark.fault("M10")
def test_constant_feature_gives_finite_scores_and_is_found_when_it_moves():
    still = baseline(constant=True)
    reference = Reference.of(still, Budget())
    feature = reference.feature("still")
    for value, alarms in ((0.5, False), (0.9, True)):
        stream = Stream()
        for index in range(8):
            statistics = Statistics.empty(still)
            for _ in range(60):
                statistics.tallies["still"].add(feature, value)
            stream, outcome = absorb(stream, Pool(statistics, index, index + 1, 60), reference, 1e5)
        reading = stream.recent[-1].readings["still"]
        assert outcome is Outcome.TESTED
        assert all(math.isfinite(x) for x in (reading.score, reading.shift, reading.evidence))
        assert bool(stream.alarmed) is alarms


@pytest.mark.fault("M12")
def test_window_with_other_edges_is_refused_and_nothing_is_merged(fleet, made):
    fleet.send("n0", START, parts=30)
    bent = made.model_copy(update={"features": (made.features[0].model_copy(update={"step": 1.0}), *made.features[1:])})
    fleet.send("n0", START + HOUR_MS, parts=30, made=bent)
    fleet.send("n0", START + 2 * HOUR_MS, parts=30)
    fleet.watch.step()
    assert outcomes(fleet) == ["insufficient", "refused", "tested"]
    assert "counted on baseline" in all_rows(fleet, UsedWindow)[1].reason
    assert {point.parts for point in all_rows(fleet, DriftPoint)} == {60}


@pytest.mark.fault("M03")
def test_a_week_offline_is_merged_without_a_page_and_listed_as_late(fleet):
    now = fleet.clock.now = START + 8 * DAY_MS
    for hour in range(168):
        fleet.send("n0", START + hour * HOUR_MS, factor=0.8, received_ms=now)
    while fleet.watch.step():
        pass
    assert outcomes(fleet) == ["late"] * 168
    assert [finding.state for finding in all_rows(fleet, Finding)] == ["late"]
    assert all_rows(fleet, Ticket) == []
    hours(fleet, 3)
    assert [finding.state for finding in all_rows(fleet, Finding)] == ["late"]


@pytest.mark.fault("M05")
def test_window_of_a_jumped_clock_is_placed_by_the_fleets_clock(fleet):
    fleet.send("n0", START + 400 * DAY_MS, received_ms=START)
    with fleet.database.begin() as session:
        for row in session.scalars(select(Window)):
            row.clock_suspect = True
    fleet.watch.step()
    assert outcomes(fleet) == ["tested"]
    assert [point.at_ms for point in all_rows(fleet, DriftPoint)] == [START]


@pytest.mark.fault("M14")
def test_weak_lamp_at_one_site_is_one_finding_with_cause_lighting_and_starts_no_training(fleet):
    fleet.settings = MonitoringSettings.model_validate({"tickets": {"mode": "automatic"}})
    fleet.watch = watch(fleet)
    hours(fleet, 10)
    assert all_rows(fleet, Finding) == []
    hours(fleet, 6, dark=("n0", "n1", "n2", "n3"))
    (finding,) = all_rows(fleet, Finding)
    assert (finding.site, finding.state, finding.cause) == ("north", "open", "lighting")
    assert finding.devices == ["n0", "n1", "n2", "n3"]
    assert "darker" in finding.text
    (ticket,) = all_rows(fleet, Ticket)
    assert (ticket.state, ticket.cause, finding.ticket) == ("open", "lighting", ticket.id)
    hours(fleet, 5, dark=("n0", "n1", "n2", "n3"))
    assert len(all_rows(fleet, Finding)) == len(all_rows(fleet, Ticket)) == 1


def test_repaired_lamp_ends_the_finding_and_a_second_failure_cools_down(fleet):
    hours(fleet, 5, dark=("n0",), factor=0.8)
    with fleet.database.begin() as session:
        tickets.act(session, "t-0001", "dismiss", "anna", {"note": "lamp replaced"}, fleet.clock.now)
    hours(fleet, 4)
    assert [finding.state for finding in all_rows(fleet, Finding)] == ["ended"]
    hours(fleet, 5, dark=("n0",), factor=0.8)
    assert [finding.state for finding in all_rows(fleet, Finding)] == ["ended", "open"]
    assert [ticket.id for ticket in all_rows(fleet, Ticket)] == ["t-0001"]
    assert all_rows(fleet, Finding)[1].ticket == "t-0001"
    hours(fleet, 24, dark=("n0",), factor=0.8)
    assert [(ticket.id, ticket.state) for ticket in all_rows(fleet, Ticket)] == [
        ("t-0001", "dismissed"),
        ("t-0002", "open"),
    ]


@pytest.mark.fault("M15")
def test_slow_loss_of_light_over_a_month_is_not_absorbed(fleet):
    for day in range(30):
        hours(fleet, 2, dark=("n0",), factor=1.0 - 0.005 * day)
    (finding,) = all_rows(fleet, Finding)
    assert finding.devices == ["n0"]
    assert finding.cause == "lighting"


def test_restart_of_the_server_loses_no_evidence_and_uses_no_window_twice(fleet):
    for hour in range(6):
        fleet.watch = watch(fleet)
        hours(fleet, 1, dark=("n0",), factor=0.8)
        assert fleet.watch.step() == 0, hour
    (finding,) = all_rows(fleet, Finding)
    assert finding.devices == ["n0"]
    with fleet.database.read() as session:
        line = findings.time_line(session, session.get(Finding, finding.id))
    assert line[-1]["evidence"] >= finding.threshold
    assert len(all_rows(fleet, UsedWindow)) == 6 * 8
