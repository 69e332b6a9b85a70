"""Answers that can be taken back: nothing happens until they settle, everything stands in the journal."""

from pathlib import Path
from uuid import uuid4

import pytest

from edge_agent.contracts.messages import Stream
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.journal import outbox, reviews
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Decision, Journal
from edge_agent.journal.reviews import Outcome, Said, Withdrawal

UNSURE = Decision(Verdict.REVIEW, Reason.UNSURE, review_until=20.0)


@pytest.fixture
def journal(tmp_path: Path):
    journal = Journal(Database(tmp_path / "journal.db"), uuid4())
    journal.begin(1)
    yield journal
    journal.database.close()


def held(journal, at=10.0, undo_s=2.0, operator="ann", verdict=Verdict.ACCEPT):
    part = journal.trigger("s", 1)
    journal.decide(part, UNSURE, 2)
    assert reviews.hold(journal, Said(part.id, operator, verdict, "ok", 3), undo_s, at)[0] is Outcome.HELD
    return part.id


def events(journal):
    entries = outbox.page(journal.database, str(journal.boot), Stream.EVENT, 0, 100)
    return [entry.payload for entry in entries]


def test_a_held_answer_is_no_verdict_until_it_settles(journal):
    part = held(journal)
    assert (journal.part(part).final, reviews.waiting(journal), events(journal)) == (None, [], [])
    assert reviews.held_by(journal, part) == "ann"
    reviews.expire(journal, 4, 11.9)
    assert journal.part(part).final is None
    reviews.expire(journal, 5, 12.0)
    row = journal.part(part)
    assert (row.final, row.reason, row.operator, row.label) == ("accept", "operator", "ann", "ok")
    assert len(events(journal)) == 2
    assert journal.database.rows("part_answers", part=part) == [("ann", "accept", "ok", 3, 0, 0, 0)]
    reviews.expire(journal, 6, 30.0)
    assert journal.part(part) == row


def test_a_withdrawn_answer_leaves_the_part_waiting_and_its_trace_in_the_journal(journal):
    part = held(journal)
    assert reviews.withdraw(journal, part, "ann", 7, 11.0) is Withdrawal.WITHDRAWN
    assert [review.part for review in reviews.waiting(journal)] == [part]
    assert journal.database.rows("withdrawn_answers", part=part) == [("ann", "accept", "ok", 3, 7)]
    assert reviews.answer(journal, part, "ann", Verdict.REJECT, "pit", 8, 12.0) is Outcome.DECIDED
    assert journal.part(part).final == "reject"
    assert journal.tallies()["review.withdrawn"] == 1


def test_undo_says_why_not(journal):
    part = held(journal)
    assert reviews.withdraw(journal, part, "ben", 4, 11.0) is Withdrawal.NOT_YOURS
    reviews.expire(journal, 4, 12.5)
    assert reviews.withdraw(journal, part, "ann", 4, 12.5) is Withdrawal.DECIDED
    journal.driven(part)
    assert reviews.withdraw(journal, part, "ann", 4, 12.6) is Withdrawal.DRIVEN
    assert reviews.withdraw(journal, part, "ben", 4, 12.6) is Withdrawal.NOT_YOURS
    silent = journal.trigger("t", 1)
    journal.decide(silent, UNSURE, 2)
    assert reviews.withdraw(journal, silent.id, "ann", 4, 13.0) is Withdrawal.NOTHING
    assert reviews.withdraw(journal, silent.id, "ann", 4, 20.0) is Withdrawal.TIMEOUT


@pytest.mark.fault("A21")
def test_a_second_answer_meets_the_held_one(journal):
    part = held(journal)
    assert reviews.answer(journal, part, "ben", Verdict.REJECT, "", 4, 11.0) is Outcome.CONFLICT
    reviews.expire(journal, 5, 12.0)
    assert (journal.part(part).final, journal.part(part).operator) == ("accept", "ann")


@pytest.mark.parametrize(("at", "undo_s", "until"), [(10.0, 2.0, 12.0), (19.0, 2.0, 19.75), (19.6, 2.0, None)])
def test_no_answer_is_held_beyond_the_deadline(at, undo_s, until):
    assert reviews.held_until(at, undo_s, 20.0) == until


def test_close_to_the_deadline_an_answer_counts_at_once(journal):
    part = journal.trigger("s", 1)
    journal.decide(part, UNSURE, 2)
    assert reviews.hold(journal, Said(part.id, "ann", Verdict.ACCEPT, "", 3), 2.0, 19.6) == (Outcome.DECIDED, 0.0)


@pytest.mark.fault("A20")
def test_an_answer_that_nobody_settled_in_time_is_late_and_the_part_a_reject(journal):
    part = held(journal)
    reviews.expire(journal, 9, 25.0)
    row = journal.part(part)
    assert (row.final, row.reason, row.operator) == ("reject", "timeout", "")
    assert journal.database.rows("part_answers", part=part) == [("ann", "accept", "ok", 3, 1, 0, 0)]


def test_after_a_crash_a_held_answer_is_a_late_label_of_a_reject(journal, tmp_path):
    part = held(journal)
    again = Journal(Database(tmp_path / "journal.db"), uuid4())
    again.begin(2)
    again.recover(3)
    reviews.expire(again, 4, 0.5)
    row = again.part(part)
    assert (row.final, row.reason) == ("reject", "crash")
    assert [tuple(answer[4:]) for answer in again.database.rows("part_answers", part=part)] == [(1, 0, 0)]
    again.database.close()


def test_a_killed_process_of_the_same_boot_settles_what_its_predecessor_was_told(journal, tmp_path):
    part = held(journal)
    again = Journal(Database(tmp_path / "journal.db"), journal.boot)
    again.recover(3)
    reviews.expire(again, 4, 12.0)
    assert (again.part(part).final, again.part(part).output) == ("accept", "none")
    again.database.close()
