"""A station that dies while a part with a known answer is in front of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.challenge import record
from edge_agent.journal.database import Database
from tests.simulators.killed import KilledStation, nursery

KNOWN = "p2=accept"
"""The third part of the parade is a good one; during it the process dies."""


@pytest.mark.fault("A01")
@pytest.mark.fault("A02")
@pytest.mark.parametrize("point", ["trigger", "decided", "driven"])
def test_a_challenge_that_was_cut_off_is_no_pass_and_is_due_again(tmp_path: Path, point: str) -> None:
    station = KilledStation(tmp_path, nursery())
    station.challenge = KNOWN
    if point != "trigger":
        station.challenge = "p0=accept"
    assert station.live(point, 10**9) != 0
    database = Database(station.home.journal)
    cut = record.last_presented(database)
    if point == "trigger":
        assert cut["p2"].passed is None
        assert record.passes(database) == {}
        parts = station.parts()
        assert [part.final for part in parts] == [None]
    database.close()
    assert station.live(parts=2) == 0
    parts = station.parts()
    assert all(part.final is not None for part in parts)
    challenged = [part for part in parts if part.reason == "challenge"]
    assert challenged
    assert all(part.final == "reject" for part in challenged)
    if point == "trigger":
        assert parts[0].reason == "crash"
    assert not {line["seq"] for line in station.gate() if line["verdict"] == "accept"} & {p.seq for p in challenged}


@pytest.mark.fault("A01")
def test_a_lock_survives_kills_without_end(tmp_path: Path) -> None:
    station = KilledStation(tmp_path, nursery())
    station.challenge = "p0=reject"
    process, started = station.start()
    assert started.wait(30)
    process.join(1.0)
    process.kill()
    process.join(10)
    for _ in range(3):
        process, started = station.start()
        assert started.wait(30)
        process.join(0.2)
        process.kill()
        process.join(10)
    database = Database(station.home.journal)
    lock = record.locked(database)
    database.close()
    assert lock is not None
    assert lock.why == "the machine accepts it, and it is known to be defective"
    assert [part.reason for part in station.parts()] == ["challenge"], "nothing was judged after the failure"
