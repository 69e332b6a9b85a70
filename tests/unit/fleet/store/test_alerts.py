"""Alerts: one row per kind and subject, open until a person closes it, open again when it happens again."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.store import alerts
from fleet.store.alerts import raise_alert
from tests.simulators.fleet_device import add_devices, new_database


@pytest.fixture
def database(tmp_path: Path):
    database = new_database(tmp_path)
    add_devices(database, "cam1")
    yield database
    database.close()


def raised(database, *rows):
    with database.begin() as session:
        for kind, subject, now_ms in rows:
            raise_alert(session, kind, subject, f"{kind} at {now_ms}", now_ms)


def shown(database, limit=None):
    with database.read() as session:
        return alerts.listing(session, limit), alerts.count(session)


def close(database, alert_id, now_ms):
    with database.begin() as session:
        alert = alerts.close(session, alert_id, now_ms)
        return alert and alert.closed_ms


def test_what_happened_last_comes_first_and_only_devices_of_the_fleet_are_named(database):
    raised(database, ("quarantine", "cam1", 1), ("quarantine", "a/topic", 2), ("no-way-back", "cam1", 2))
    raised(database, ("quarantine", "cam1", 3))
    listed, count = shown(database)
    assert [(row["kind"], row["subject"], row["device"]) for row in listed] == [
        ("quarantine", "cam1", "cam1"),
        ("no-way-back", "cam1", "cam1"),
        ("quarantine", "a/topic", None),
    ]
    assert (listed[0]["times"], listed[0]["first_ms"], listed[0]["last_ms"]) == (2, 1, 3)
    assert listed[0]["text"] == "quarantine at 3"
    assert count == 3
    assert shown(database, limit=2) == (listed[:2], 3)


def test_a_closed_alert_is_gone_until_it_happens_again(database):
    raised(database, ("quarantine", "cam1", 1), ("no-way-back", "cam1", 2))
    first = shown(database)[0][1]["id"]
    assert close(database, first, 5) == 5
    assert close(database, first, 6) == 5
    assert [row["kind"] for row in shown(database)[0]] == ["no-way-back"]
    raised(database, ("quarantine", "cam1", 7))
    listed, count = shown(database)
    assert (listed[0]["id"], listed[0]["times"], listed[0]["closed_ms"], count) == (first, 2, None, 2)


def test_an_alert_that_is_not_there_cannot_be_closed(database):
    assert close(database, 1, 5) is None
