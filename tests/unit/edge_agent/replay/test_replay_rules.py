"""What another model changes, counted; and the serials of one replay."""

from __future__ import annotations

from uuid import UUID

import pytest

from edge_agent.contracts.verdict import Verdict
from edge_agent.journal.journal import PartKey
from edge_agent.replay.comparison import Pair, Word, compare
from edge_agent.replay.judging import Roll
from edge_agent.replay.lines import PART_COLUMNS, part_row


def word(verdict: str, score: float | None = 0.5) -> Word:
    return Word(verdict, "model", "pit", score)


def pair(before: str | None, after: str, defective: bool | None = None) -> Pair:
    return Pair(1, "a", "a", None if before is None else word(before), word(after), defective)


def test_escapes_and_overkill_count_only_known_parts() -> None:
    found = compare(
        [
            pair("accept", "reject", True),
            pair("accept", "accept", True),
            pair("reject", "accept", False),
            pair("accept", "reject", False),
            pair("accept", "review", False),
            pair("accept", "reject"),
        ]
    )
    assert (found.before.escapes, found.after.escapes) == (2, 1)
    assert (found.before.overkill, found.after.overkill) == (1, 1)
    assert (found.after.defective, found.after.good, found.after.asked) == (2, 3, 1)
    assert (found.changed, found.compared) == (5, 6)
    assert found.agreement == pytest.approx(1 / 6)


def test_without_a_verdict_before_nothing_is_compared() -> None:
    found = compare([pair(None, "accept", True)])
    assert found.agreement is None
    assert (found.after.escapes, found.before.defective) == (1, 0)


def test_a_part_without_a_score_moved_farthest() -> None:
    assert Pair(1, "a", "", word("accept", 0.1), word("reject", None), None).moved == float("inf")
    assert Pair(1, "a", "", word("accept", 0.1), word("reject", 0.9), None).moved == pytest.approx(0.8)


def test_a_line_has_every_column_and_no_formula() -> None:
    row = part_row(Pair(7, "=1+1", "=1+1", None, word("accept", 0.25), True))
    assert len(row) == len(PART_COLUMNS)
    assert row[:3] == ["7", "'=1+1", "'=1+1"]
    assert row[-2:] == ["0", "defective"]


def test_a_serial_is_known_as_the_journal_would_know_it() -> None:
    roll = Roll()
    roll.note("s", 1, Verdict.REJECT)
    later = PartKey(2, UUID(int=0), 2)
    assert not roll.knows("s", later, 10, any_verdict=False)
    assert roll.knows("s", later, 10, any_verdict=True)
    roll.note("s", 2, Verdict.ACCEPT)
    assert roll.knows("s", PartKey(3, UUID(int=0), 3), 1, any_verdict=False)
    assert not roll.knows("s", PartKey(9, UUID(int=0), 9), 1, any_verdict=False)
    assert not roll.knows("t", later, 10, any_verdict=True)
