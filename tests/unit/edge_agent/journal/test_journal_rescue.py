"""A journal damaged in the middle of the file: really overwritten bytes, really read by SQLite."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from edge_agent.contracts.messages import Stream
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.journal import outbox
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Decision, Journal
from edge_agent.journal.rescue import damage, rescue, rescued
from tests.simulators.old_journal import make_old

PARTS = 3000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    database = Database(path)
    journal = Journal(database, uuid4())
    journal.begin(1)
    for index in range(PARTS):
        key = journal.trigger(f"s{index}", index)
        journal.decide(key, Decision(Verdict.ACCEPT, Reason.MODEL, features=b"\1" * 120), index)
    database._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    database.close()
    return path


def test_a_whole_journal_is_left_alone(path: Path) -> None:
    assert damage(path) == ""
    assert damage(path.with_name("absent.db")) == ""


@pytest.mark.fault("A06")
def test_what_can_be_read_is_carried_over_and_the_rest_is_told(path: Path) -> None:
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 1024 * 1024
    data[middle : middle + 8 * 1024] = b"\xa5" * 8 * 1024
    path.write_bytes(data)
    problem = damage(path)
    assert problem
    aside = rescue(path, problem, 77)
    assert aside.read_bytes() == bytes(data), "the damaged file is kept as it is"
    assert damage(path) == ""
    database = Database(path)
    journal = Journal(database, uuid4())
    parts = journal.recent(10**6)
    assert PARTS * 0.5 < len(parts) < PARTS
    assert {part.seq for part in parts} >= {1, PARTS}, "both sides of the damage are there"
    story = rescued(database)
    assert f"carried over {len(parts)} parts, {PARTS - len(parts)} are missing" in story
    assert rescued(database) == "", "it is told once"
    assert journal.trigger("next", 1).seq == 1
    database.close()


@pytest.mark.fault("A06")
def test_a_file_that_is_no_database_at_all_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"\xff" * 5000)
    problem = damage(path)
    assert "not a database" in problem
    aside = rescue(path, problem, 78)
    assert aside.read_bytes() == b"\xff" * 5000
    database = Database(path)
    assert Journal(database, uuid4()).recent(9) == []
    database.close()


@pytest.mark.fault("A06")
def test_a_damaged_journal_of_an_earlier_agent_is_carried_over_too(path: Path) -> None:
    make_old(path, 5)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 1024 * 1024
    data[middle : middle + 8 * 1024] = b"\xa5" * 8 * 1024
    path.write_bytes(data)
    rescue(path, damage(path), 77)
    database = Database(path)
    assert len(Journal(database, uuid4()).recent(10**6)) > PARTS * 0.5
    assert len(outbox.boots(database, Stream.EVENT)) == 1
    database.close()
