"""Champion and challenger compared: counts that one can work out by hand."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from edge_agent.contracts.verdict import Verdict
from edge_agent.decision.comparison import Pair, compare, sign_test

A, R, U = Verdict.ACCEPT, Verdict.REJECT, Verdict.REVIEW


def test_only_parts_that_a_person_decided_say_who_was_wrong():
    found = compare([Pair(A, A, None), Pair(A, R, None), Pair(A, R, R), Pair(U, A, A), Pair(R, A, R), Pair(A, A, R)])
    assert (found.parts, found.agreement) == (6, 2 / 6)
    assert (found.decided, found.champion_wrong, found.challenger_wrong) == (4, 1, 1)
    assert found.table[A, R] == 2
    assert found.p_value == 1.0


def test_without_parts_there_is_nothing_to_say():
    found = compare([])
    assert (found.parts, found.agreement, found.p_value) == (0, None, None)


@pytest.mark.parametrize(("one", "other"), [(0, 5), (3, 9), (7, 7), (40, 12)])
def test_the_exact_test_is_that_of_the_textbook(one, other):
    assert sign_test(one, other) == pytest.approx(binomtest(one, one + other, 0.5).pvalue)
