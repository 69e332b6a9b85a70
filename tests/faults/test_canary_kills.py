"""The hot process killed while a challenger decides a share of the parts: each part is one model's, once."""

from __future__ import annotations

import random
import signal
from pathlib import Path
from typing import Any

import pytest

from edge_agent.journal.canary import canary_counts
from edge_agent.journal.database import Database
from tests.simulators.killed import KilledStation, Ledger, ledger, nursery
from tests.simulators.line import TINY_2, altered_bundle, install

KILLS = 15
SEED = 12
SHARE = 0.4


@pytest.fixture(scope="module")
def births() -> Any:
    """Where processes are born with everything imported."""
    return nursery()


@pytest.fixture
def station(tmp_path: Path, births: Any) -> KilledStation:
    """A station on which a challenger decides a share."""
    found = KilledStation(tmp_path, births)
    second = install(found.home, altered_bundle(tmp_path / "second", TINY_2, recipe__views__count=2), active=False)
    found.canary = f"{second}={SHARE}"
    return found


def whole(station: KilledStation) -> int:
    """Assert that rows, counts and opinions of the share tell the same story; return how many parts were drawn."""
    second = station.canary.split("=")[0]
    database = Database(station.home.journal)
    parts, counts = station.parts(), canary_counts(database, second)
    drawn = {part.id: row for part in parts for row in database.rows("part_canary", part=part.id)}
    decided = {part for part, row in drawn.items() if row[2] == "decided"}
    assert {part.id for part in parts if part.bundle == second} == decided
    assert all(drawn[part][6] is not None for part in decided), "both opinions or none"
    assert (counts.drawn, counts.decided) == (len(drawn), len(decided))
    database.close()
    return len(drawn)


@pytest.mark.fault("A02")
def test_killed_between_a_drawn_parts_verdict_and_its_output_it_stays_drawn_and_is_driven_once(
    station: KilledStation,
) -> None:
    station.canary = station.canary.split("=")[0] + "=1.0"
    assert station.live("decided") == -signal.SIGKILL
    assert whole(station) == 3
    assert station.live(parts=2) == 0
    parts = station.parts()
    assert (parts[2].reason, parts[2].output) == ("model", "unknown")
    assert [line["seq"] for line in station.gate()] == [1, 2, 4, 5]
    assert whole(station) == 5


@pytest.mark.slow
@pytest.mark.fault("A04")
def test_killed_at_random_no_part_is_lost_or_decided_twice(station: KilledStation) -> None:
    station.kill_at_random(KILLS, random.Random(SEED))
    parts = station.parts()
    assert ledger(station) == Ledger(len(parts), lost=0, twice=0)
    assert 0 < whole(station) < len(parts)
