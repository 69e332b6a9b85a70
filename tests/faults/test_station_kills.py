"""The hot process killed with SIGKILL, at the worst moments and at any: nothing is lost, nothing counted twice."""

from __future__ import annotations

import json
import multiprocessing
import random
import signal
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from edge_agent.contracts.messages import Stream
from edge_agent.home import Home
from edge_agent.journal import outbox
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Journal, PartRow
from tests.simulators import doomed
from tests.simulators.line import altered_bundle, install

KILLS = 40
SEED = 20


@pytest.fixture(scope="module")
def nursery() -> Any:
    """Where processes are born with everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.simulators.doomed"])
    return context


class Station:
    """A home whose hot process lives and dies."""

    def __init__(self, folder: Path, nursery: Any) -> None:
        self.home = Home(folder)
        install(self.home, altered_bundle(folder / "bundle"))
        self.boot = str(uuid4())
        self._nursery = nursery

    def start(self, point: str = "", parts: int = 10**9) -> tuple[Any, Any]:
        """Start the process; return it and the event that it is up."""
        started = self._nursery.Event()
        arguments = (self.home.root, self.boot, point, parts, started)
        process = self._nursery.Process(target=doomed.live, args=arguments, daemon=True)
        process.start()
        return process, started

    def live(self, point: str = "", parts: int = 10**9) -> int:
        """Run the process to its end; return its exit code."""
        process, _ = self.start(point, parts)
        process.join(60)
        return int(process.exitcode)

    def gate(self) -> list[dict[str, Any]]:
        """What the gate was told, in order."""
        path = self.home.root / "gate.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def parts(self) -> list[PartRow]:
        """The journal's parts, oldest first."""
        database = Database(self.home.journal)
        rows = Journal(database, uuid4()).recent(10**6)
        database.close()
        return list(reversed(rows))

    def tallies(self) -> dict[str, int]:
        """The journal's counts."""
        database = Database(self.home.journal)
        counts = Journal(database, uuid4()).tallies()
        database.close()
        return counts


@pytest.fixture
def station(tmp_path: Path, nursery: Any) -> Station:
    """A station that never ran."""
    return Station(tmp_path, nursery)


def check(station: Station, lost: int) -> list[PartRow]:
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
def test_killed_between_trigger_and_decision_is_one_reject(station: Station) -> None:
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
def test_killed_between_decision_and_output_is_never_driven_again(station: Station) -> None:
    assert station.live("decided") == -signal.SIGKILL
    assert station.live(parts=2) == 0
    parts = check(station, lost=1)
    assert (parts[2].reason, parts[2].output) == ("model", "unknown")
    assert [line["seq"] for line in station.gate()] == [1, 2, 4, 5]


@pytest.mark.fault("A03")
def test_killed_between_output_and_its_note_makes_no_second_pulse(station: Station) -> None:
    assert station.live("driven") == -signal.SIGKILL
    assert station.live(parts=2) == 0
    parts = check(station, lost=1)
    assert parts[2].output == "unknown"
    assert [line["seq"] for line in station.gate()] == [1, 2, 3, 4, 5]


@pytest.mark.slow
@pytest.mark.fault("A04")
def test_killed_at_random_nothing_is_lost_and_nothing_counted_twice(station: Station) -> None:
    draw = random.Random(SEED)
    for _ in range(KILLS):
        process, started = station.start()
        assert started.wait(30)
        time.sleep(draw.uniform(0.0, 0.05))
        process.kill()
        process.join(10)
    assert station.live(parts=3) == 0
    parts = check(station, lost=KILLS)
    assert len(parts) > KILLS
    told = {line["seq"] for line in station.gate()}
    missing = [part for part in parts if part.seq not in told]
    assert all(part.output == "unknown" for part in missing), "what the gate was not told is listed"
    events = Database(station.home.journal)
    entries = outbox.page(events, outbox.boots(events, Stream.EVENT)[0], Stream.EVENT, 0, 10**6)
    assert [entry.seq for entry in entries] == list(range(1, len(parts) + 1)), "one event a part, without a gap"
    events.close()
