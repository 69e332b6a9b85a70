"""The journal: the life of a part, what leaves it, and how it is opened."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from edge_agent.contracts.errors import ConfigError, Unavailable
from edge_agent.contracts.events import Decided
from edge_agent.contracts.messages import Position, Stream
from edge_agent.contracts.plc import Disposition, PlcPart
from edge_agent.contracts.verdict import Detail, Reason, Verdict
from edge_agent.journal import outbox, reviews
from edge_agent.journal.database import Database
from edge_agent.journal.facts import decided_event, machine_event
from edge_agent.journal.journal import Decision, Journal
from tests.simulators.old_journal import make_old

ACCEPT = Decision(Verdict.ACCEPT, Reason.MODEL, "ok", 0.125, (0.25, 0.5), "a" * 64, 4.5, None, b"\0" * 8)
REVIEW = Decision(Verdict.REVIEW, Reason.UNSURE, score=0.5, review_until=10.0, heatmap=b"png")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(Database(tmp_path / "journal.db"), uuid4())
    made.begin(1)
    yield made
    made.database.close()


def test_a_part_has_one_verdict(journal: Journal) -> None:
    key = journal.trigger("s1", 5)
    assert journal.decide(key, ACCEPT, 6)
    assert not journal.decide(key, Decision(Verdict.REJECT, Reason.LATE), 7)
    journal.driven(key.id)
    part = journal.part(key.id)
    assert (part.seq, part.final, part.reason, part.output) == (1, "accept", "model", "driven")
    assert journal.tallies() == {"parts": 1, "final.accept": 1, "reason.model": 1}


def test_what_has_moved_is_noted_with_the_next_trigger_and_only_once(journal: Journal) -> None:
    first = journal.trigger("a", 1)
    journal.decide(first, ACCEPT, 2)
    journal.moved(first.id)
    assert journal.part(first.id).output == "none"

    def spoil(part: int) -> None:
        raise ValueError("spoilt")

    with pytest.raises(ValueError, match="spoilt"):
        journal.trigger("b", 3, also=spoil)
    assert journal.part(first.id).output == "none", "undone with the trigger"
    second = journal.trigger("b", 3)
    assert [part.output for part in journal.recent(2)] == ["none", "driven"]
    journal.decide(second, ACCEPT, 4)
    journal.moved(second.id)
    journal.note_moved()
    assert [part.output for part in journal.recent(2)] == ["driven", "driven"]
    before = journal.database.version()
    journal.note_moved()
    assert journal.database.version() == before, "nothing is left to write"


def test_killed_before_the_note_the_output_is_unknown(journal: Journal) -> None:
    key = journal.trigger("a", 1)
    journal.decide(key, ACCEPT, 2)
    journal.moved(key.id)
    again = Journal(Database(journal.database.path), journal.boot)
    again.recover(3)
    assert again.part(key.id).output == "unknown"
    again.database.close()


def test_the_fast_event_is_the_contract_event(journal: Journal) -> None:
    key = journal.trigger("s1", 5)
    journal.decide(key, ACCEPT, 6)
    row = journal.part(key.id)
    assert machine_event((row.boot, row.seq, row.serial), ACCEPT) == decided_event(row).model_dump(mode="json")
    payload = outbox.page(journal.database, journal.boot, Stream.EVENT, 0, 9)[0].payload
    assert Decided.model_validate_json(payload) == decided_event(row)


def test_numbers_go_on_after_a_restart_within_a_boot(journal: Journal) -> None:
    journal.trigger("a", 1)
    again = Journal(Database(journal.database.path), journal.boot)
    assert again.trigger("b", 2).seq == 2
    again.database.close()


def test_a_serial_read_from_the_picture_is_added(journal: Journal) -> None:
    key = journal.trigger("", 1)
    journal.decide(key, Decision(Verdict.ACCEPT, Reason.MODEL, serial="code-7"), 2)
    assert journal.part(key.id).serial == "code-7"


def test_what_was_wrong_with_a_picture_is_kept_counted_and_told(journal: Journal) -> None:
    key = journal.trigger("a", 1)
    dark = Decision(Verdict.REJECT, Reason.BAD_IMAGE, detail=Detail.BLACK)
    journal.decide(key, dark, 2)
    journal.decide(journal.trigger("b", 3), ACCEPT, 4)
    assert [part.detail for part in journal.recent(2)] == ["", "black"]
    assert journal.tallies()["detail.black"] == 1
    row = journal.part(key.id)
    assert machine_event((row.boot, row.seq, row.serial), dark) == decided_event(row).model_dump(mode="json")


def test_recovery_settles_each_part_once(journal: Journal) -> None:
    lost, decided, held = (journal.trigger(name, 1) for name in "abc")
    journal.decide(decided, ACCEPT, 2)
    journal.decide(held, REVIEW, 2)
    assert [part.id for part in journal.recover(3)] == [lost.id], "a review of this boot goes on"
    assert journal.part(decided.id).output == "unknown"
    later = Journal(Database(journal.database.path), uuid4())
    assert [part.id for part in later.recover(4)] == [held.id]
    assert later.recover(5) == []
    assert later.part(held.id).reason == "crash"
    assert later.tallies()["reason.crash"] == 2
    later.database.close()


def test_a_review_is_answered_in_time_once(journal: Journal) -> None:
    key = journal.trigger("a", 1)
    journal.decide(key, REVIEW, 2)
    assert journal.database.rows("reviews_to_drive", boot=str(journal.boot)) == []
    assert reviews.answer(journal, key.id, "ann", Verdict.ACCEPT, "ok", 3, 9.0) is reviews.Outcome.DECIDED
    assert reviews.answer(journal, key.id, "bob", Verdict.REJECT, "", 4, 9.5) is reviews.Outcome.CONFLICT
    part = journal.part(key.id)
    assert (part.final, part.operator, part.label) == ("accept", "ann", "ok")
    assert [row[0] for row in journal.database.rows("reviews_to_drive", boot=str(journal.boot))] == [key.id]


def test_the_outbox_counts_on_when_what_is_acknowledged_is_gone(journal: Journal) -> None:
    for index in range(3):
        journal.decide(journal.trigger(str(index), 1), ACCEPT, 2)
    position = Position(boot=journal.boot, stream=Stream.EVENT, seq=2)
    assert outbox.acknowledge(journal.database, position) == 2
    assert outbox.acknowledge(journal.database, position) == 0
    journal.decide(journal.trigger("x", 1), ACCEPT, 2)
    assert [e.seq for e in outbox.page(journal.database, journal.boot, Stream.EVENT, 0, 9)] == [3, 4]
    assert outbox.depth(journal.database, Stream.EVENT) == 2


def test_final_numbers_order_the_facts_for_windows(journal: Journal) -> None:
    first, second = journal.trigger("a", 1), journal.trigger("b", 1)
    journal.decide(first, REVIEW, 2)
    journal.decide(second, ACCEPT, 2)
    reviews.expire(journal, 3, 11.0)
    rows = journal.database.rows("parts_for_window", after=0, limit=9)
    assert [(row[0], row[1]) for row in rows] == [(second.id, 1), (first.id, 2)]


def test_a_fault_is_told_and_counted(journal: Journal) -> None:
    journal.fault("camera", True, "gone", 1)
    journal.fault("camera", False, "", 2)
    events = [json.loads(e.payload) for e in outbox.page(journal.database, journal.boot, Stream.EVENT, 0, 9)]
    assert [(event["code"], event["active"]) for event in events] == [("camera", True), ("camera", False)]
    assert journal.tallies()["fault.camera"] == 1


def test_what_fails_within_a_transaction_is_undone(journal: Journal) -> None:
    def spoil() -> None:
        with journal.database.transaction():
            journal.database.run("raise_tally", name="x", by=1)
            raise ValueError("spoilt")

    with pytest.raises(ValueError, match="spoilt"):
        spoil()
    assert journal.tallies() == {}


def test_threads_that_share_a_turn_all_get_it(tmp_path: Path) -> None:
    turn, path, boot = threading.Lock(), tmp_path / "j.db", uuid4()
    Database(path).close()

    def work(name: str) -> None:
        mine = Database(path, turn=turn)
        for _ in range(50):
            with mine.transaction():
                mine.run("raise_tally", name=name, by=1)
        mine.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b", "a")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = Journal(Database(path), boot)
    assert after.tallies() == {"a": 100, "b": 50}
    after.database.close()


def test_a_journal_of_a_newer_agent_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    Database(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version=99")
    raw.close()
    with pytest.raises(ConfigError, match="update the agent"):
        Database(path)


def test_a_file_that_is_no_journal_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    path.write_bytes(b"not a database, but long enough to be taken for one" * 40)
    with pytest.raises(Unavailable, match="cannot be opened"):
        Database(path)


def test_keys_of_two_boots_do_not_collide(journal: Journal) -> None:
    other = Journal(journal.database, UUID(int=7))
    assert journal.trigger("a", 1).seq == other.trigger("b", 1).seq == 1


def test_a_journal_of_an_earlier_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    old = Journal(Database(path), uuid4())
    old.begin(1)
    kept = old.trigger("kept", 2)
    old.database.close()
    make_old(path, 1)
    journal = Journal(Database(path), uuid4())
    assert journal.part(kept.id).serial == "kept"
    sent = journal.trigger("sent", 3, PlcPart(7, 1))
    assert (journal.plc_part(kept.id), journal.plc_part(sent.id)) == (None, PlcPart(7, 1))
    assert journal.last_plc_part() == PlcPart(7, 1)
    journal.trigger("asked", 4, message="m1")
    journal.trigger("asked", 4, message="m2")
    assert journal.last_messages(5) == ["m1", "m2"]
    assert _schema(path) == _schema(tmp_path / "new.db", fresh=True)


def test_what_the_plc_said_first_holds(tmp_path: Path) -> None:
    journal = Journal(Database(tmp_path / "journal.db"), uuid4())
    for run in (7, 8):
        journal.trigger("", 1, PlcPart(run, 5))
    journal.disposed(PlcPart(8, 5), Disposition.ACCEPTED)
    journal.disposed(PlcPart(8, 5), Disposition.REJECTED)
    journal.disposed(PlcPart(9, 5), Disposition.REJECTED)
    assert journal.dispositions() == {Disposition.NONE: 1, Disposition.ACCEPTED: 1}


def _schema(path: Path, fresh: bool = False) -> set[str]:
    if fresh:
        Database(path).close()
    raw = sqlite3.connect(path)
    made = [row[0] for row in raw.execute("SELECT sql FROM sqlite_master") if row[0]]
    raw.close()
    return {re.sub(r"\s*([(),])\s*", r"\1", " ".join(re.sub(r"--[^\n]*", "", sql).split())) for sql in made}
