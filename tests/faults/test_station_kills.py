"""The hot process killed with SIGKILL, at the worst moments and at any: nothing is lost, nothing counted twice."""

from __future__ import annotations

import random
import signal
from pathlib import Path
from typing import Any

import pytest

from edge_agent.contracts.messages import Stream
from edge_agent.journal import outbox
from edge_agent.journal.database import Database
from edge_agent.journal.journal import PartRow
from tests.simulators.killed import KilledAtPlc, KilledStation, Ledger, ledger, nursery

KILLS = 40
SEED = 20


@pytest.fixture(scope="module")
def births() -> Any:
    """Where processes are born with everything imported."""
    return nursery()


@pytest.fixture
def station(tmp_path: Path, births: Any) -> KilledStation:
    """A station that never ran."""
    return KilledStation(tmp_path, births)


def check(station: KilledStation, lost: int) -> list[PartRow]:
    """What holds after every restart: each part once, the gate only where the journal says so."""
    parts = station.parts()
    keys = [(part.boot, part.seq) for part in parts]
    assert len(set(keys)) == len(keys)
    assert [part.seq for part in parts] == list(range(1, len(parts) + 1)), "no number is missing"
    assert all(part.final is not None for part in parts)
    told = [(line["boot"], line["seq"]) for line in station.gate()]
    assert len(set(told)) == len(told), "no part moved the gate twice"
    verdicts = {(part.boot, part.seq): part.final for part in parts}
    assert all(verdicts[(line["boot"], line["seq"])] == line["verdict"] for line in station.gate())
    driven = {(part.boot, part.seq) for part in parts if part.output == "driven"}
    assert driven <= set(told)
    unknown = [part for part in parts if part.output == "unknown"]
    assert len(unknown) <= lost
    counts = station.tallies()
    assert counts["parts"] == len(parts)
    assert counts.get("final.accept", 0) + counts.get("final.reject", 0) == len(parts)
    return parts


@pytest.mark.fault("A01")
def test_killed_between_trigger_and_decision_is_one_reject(station: KilledStation) -> None:
    assert station.live("trigger") == -signal.SIGKILL
    before = Database(station.home.journal)
    assert before.row("read_counter", name="nothing") is None
    assert len(before.rows("undecided_parts")) == 1
    before.close()
    assert station.live(parts=2) == 0
    parts = check(station, lost=1)
    assert [part.reason for part in parts] == ["model", "model", "crash", "model", "model"]
    assert (parts[2].final, parts[2].output) == ("reject", "unknown")
    assert 3 not in [line["seq"] for line in station.gate()]


@pytest.mark.fault("A02")
def test_killed_between_decision_and_output_is_never_driven_again(station: KilledStation) -> None:
    assert station.live("decided") == -signal.SIGKILL
    assert station.live(parts=2) == 0
    parts = check(station, lost=1)
    assert (parts[2].reason, parts[2].output) == ("model", "unknown")
    assert [line["seq"] for line in station.gate()] == [1, 2, 4, 5]


@pytest.mark.fault("A03")
def test_killed_between_output_and_its_note_makes_no_second_pulse(station: KilledStation) -> None:
    assert station.live("driven") == -signal.SIGKILL
    assert station.live(parts=2) == 0
    parts = check(station, lost=1)
    assert parts[2].output == "unknown"
    assert [line["seq"] for line in station.gate()] == [1, 2, 3, 4, 5]


@pytest.mark.slow
@pytest.mark.fault("A04")
def test_killed_at_random_the_plc_counts_what_the_journal_counts(tmp_path: Path, births: Any) -> None:
    station = KilledAtPlc(tmp_path, births)
    station.kill_at_random(KILLS, random.Random(SEED))
    triggered = station.plc.program.triggered
    assert triggered > KILLS
    assert station.ledger() == Ledger(triggered, lost=0, twice=0)


@pytest.mark.slow
@pytest.mark.fault("A04")
def test_killed_at_random_nothing_is_lost_and_nothing_counted_twice(station: KilledStation) -> None:
    station.kill_at_random(KILLS, random.Random(SEED))
    parts = check(station, lost=KILLS)
    assert len(parts) > KILLS
    assert ledger(station) == Ledger(len(parts), lost=0, twice=0)
    told = {line["seq"] for line in station.gate()}
    missing = [part for part in parts if part.seq not in told]
    assert all(part.output == "unknown" for part in missing), "what the gate was not told is listed"
    events = Database(station.home.journal)
    entries = outbox.page(events, outbox.boots(events, Stream.EVENT)[0], Stream.EVENT, 0, 10**6)
    assert [entry.seq for entry in entries] == list(range(1, len(parts) + 1)), "one event a part, without a gap"
    events.close()
