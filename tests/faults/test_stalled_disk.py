"""A disk that answers no sync for two seconds, in the middle of inspecting."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest

from edge_agent.home import Home
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Journal
from tests.simulators.line import TINY, altered_bundle, install
from tests.simulators.stalled import MARK, PARTS, PERIOD_S, STALLS_AT, slow_disk

TOP = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return slow_disk(tmp_path_factory.mktemp("disk"))


def inspected(home: Path, durability: str, library: Path):
    """Return the reasons by part, in the order of the triggers, and the verdicts that the gate was told."""
    install(Home(home), altered_bundle(home.parent / "bundle", TINY, recipe__deadline_ms=800))
    environment = {**os.environ, "LD_PRELOAD": str(library), "STALL_MARK": str(home / MARK), "PYTHONPATH": str(TOP)}
    command = [sys.executable, "-m", "tests.simulators.stalled", str(home), durability]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    parts = list(reversed(Journal(Database(home / "journal.db"), uuid4()).recent(1000)))
    told = [json.loads(line) for line in (home / "gate.jsonl").read_text().splitlines()]
    return parts, told


@pytest.mark.fault("A09")
def test_a_disk_that_stalls_changes_no_verdict_where_commits_need_no_sync(tmp_path: Path, library: Path) -> None:
    parts, told = inspected(tmp_path / "home", "batched", library)
    assert len(parts) == len(told) == PARTS
    assert Counter(part.reason for part in parts) == {"model": PARTS}


@pytest.mark.fault("A09")
def test_a_disk_that_stalls_rejects_what_it_makes_late_where_every_commit_is_synced(
    tmp_path: Path, library: Path
) -> None:
    parts, told = inspected(tmp_path / "home", "strict", library)
    assert len(parts) == PARTS, "every trigger is a part"
    by_serial = {part.serial: part for part in parts}
    in_hand = by_serial[f"t{STALLS_AT}"]
    assert (in_hand.final, in_hand.output) == ("accept", "unknown"), (
        "its verdict came to the disk too late to move a gate"
    )
    assert in_hand.seq not in {line["seq"] for line in told}
    later = [by_serial[f"t{number}"] for number in range(STALLS_AT + 1, STALLS_AT + round(1.0 / PERIOD_S))]
    assert {part.reason for part in later} == {"late", "overrun"}
    assert {part.final for part in later} == {"reject"}
    assert {line["verdict"] for line in told if line["reason"] in ("late", "overrun")} == {"reject"}
    assert by_serial[f"t{PARTS - 1}"].reason == "model", "the line goes on by itself"
