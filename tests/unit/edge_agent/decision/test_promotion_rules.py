"""Bounds, promotion, demotion, and which degree holds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from edge_agent.contracts.bounds import lower_bound, more_needed, upper_bound
from edge_agent.contracts.bundle import ThresholdPair
from edge_agent.contracts.verdict import Automation, Verdict
from edge_agent.decision.automation import Cause, demotion, followed, in_force, moved, next_degree
from edge_agent.decision.promotion import Evidence, Gate, prospect, reason_to_demote
from edge_agent.decision.sampling import Scheme, Shares, inclusion, sampled

PAIR = ThresholdPair(accept_below=0.3, reject_above=0.7)
GATE = Gate()
HUMAN, SHADOW, ASSIST, PARTIAL, FULL = Automation


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 20_000), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_bounds_are_those_of_clopper_and_pearson(trials: int, share: float, confidence: float) -> None:
    events = round(share * trials)
    upper = 1.0 if events == trials else float(beta.ppf(confidence, events + 1, trials - events))
    lower = 0.0 if events == 0 else float(beta.ppf(1 - confidence, events, trials - events + 1))
    assert upper_bound(events, trials, confidence) == pytest.approx(upper, abs=1e-9)
    assert lower_bound(events, trials, confidence) == pytest.approx(lower, abs=1e-9)


def test_nothing_seen_proves_nothing() -> None:
    assert (upper_bound(0, 0, 0.95), lower_bound(0, 0, 0.95)) == (1.0, 0.0)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 8), st.integers(0, 500))
def test_what_is_asked_for_is_enough_and_not_more(events: int, trials: int) -> None:
    trials = max(events, trials)
    more = more_needed(events, trials, 0.02, 0.95)
    assert upper_bound(events, trials + more, 0.95) <= 0.02
    if more:
        assert upper_bound(events, trials + more - 1, 0.95) > 0.02


def test_a_step_needs_parts_and_all_bounds_and_says_what_is_missing() -> None:
    few = prospect(ASSIST, Evidence(accepted=100, rejected=10), GATE)
    assert not few.allowed
    assert few.missing[0] == "190 more answered parts needed, 110 so far"
    assert few.missing[1].startswith("199 more accepted parts without an escape needed: 0 of 100 were defective")
    enough = prospect(ASSIST, Evidence(accepted=320, rejected=20), GATE)
    assert (enough.next, enough.allowed, enough.missing) == (PARTIAL, True, ())


def test_a_question_that_nobody_answers_is_no_evidence() -> None:
    found = prospect(PARTIAL, Evidence(accepted=400, rejected=20, unanswered=60), GATE)
    assert "60 of 480 drawn parts have no answer" in found.missing[0]


def test_full_automation_counts_the_unsure_good_parts_as_overkill() -> None:
    evidence = Evidence(accepted=400, rejected=20, unsure=60, unsure_good=50)
    assert prospect(ASSIST, evidence, GATE).allowed
    full = prospect(PARTIAL, evidence, GATE)
    assert [rate.met for rate in full.rates] == [True, True, False]
    assert "good parts that are not rejected" in full.missing[0]
    assert "audited" in full.missing[0]


def test_the_way_up_is_one_step_at_a_time_and_ends() -> None:
    assert [next_degree(degree) for degree in Automation] == [SHADOW, ASSIST, PARTIAL, FULL, None]
    assert prospect(HUMAN, Evidence(), GATE).allowed, "in shadow the machine changes nothing"
    assert not prospect(SHADOW, Evidence(), GATE).allowed
    assert not prospect(FULL, Evidence(accepted=9999), GATE).allowed


def test_only_a_proven_excess_of_escapes_demotes() -> None:
    assert reason_to_demote(Evidence(accepted=1, escapes=1), GATE) == ""
    assert reason_to_demote(Evidence(accepted=100, escapes=2), GATE) == ""
    assert "5 of 100 audited accepted parts" in reason_to_demote(Evidence(accepted=100, escapes=5), GATE)


def test_repeated_words_change_nothing_and_new_ones_win() -> None:
    first = followed(None, ASSIST, "recipe")
    assert first is not None
    up = moved(first, ASSIST, ASSIST, PARTIAL, "Anna", "audits")
    assert in_force(up, ASSIST) is PARTIAL
    assert followed(up, ASSIST, "fleet") is None
    assert in_force(up, HUMAN) is HUMAN


def test_no_word_lifts_a_demotion_but_a_promotion_does() -> None:
    first = followed(None, FULL, "fleet")
    down = demotion(first, FULL, FULL, ASSIST, "a challenge part failed")
    assert down is not None
    assert demotion(down, ASSIST, FULL, ASSIST, "again") is None
    repeated = followed(down, PARTIAL, "fleet")
    assert repeated is not None
    assert (repeated.after, repeated.demoted) == (ASSIST, True)
    lower = followed(repeated, HUMAN, "fleet")
    assert lower is not None
    assert (lower.after, lower.demoted) == (HUMAN, False)
    raised = moved(down, ASSIST, FULL, PARTIAL, "Anna", "lamp changed")
    assert (raised.cause, raised.demoted) == (Cause.PROMOTED, False)


def test_the_uniform_audit_takes_every_opinion_alike_and_holds_half_out() -> None:
    shares, draw = Shares(audit=0.2), random.Random(4)
    drawn = []
    for _ in range(20_000):
        says, score = draw.choice([(Verdict.ACCEPT, 0.1), (Verdict.REVIEW, 0.5), (Verdict.REJECT, 0.9)])
        drawn.append(sampled(says, score, PAIR, PARTIAL, shares, draw.random()))
    kept = [one for one in drawn if one is not None]
    assert {one.scheme for one in kept} == {Scheme.UNIFORM}
    assert len(kept) / len(drawn) == pytest.approx(0.2, abs=0.01)
    for says in (Verdict.ACCEPT, Verdict.REVIEW, Verdict.REJECT):
        assert sum(one.opinion is says for one in kept) / len(kept) == pytest.approx(1 / 3, abs=0.03)
    assert sum(one.training for one in kept) / len(kept) == pytest.approx(0.5, abs=0.03)


def test_the_weighted_audit_prefers_high_scores_with_a_probability_that_is_written_down() -> None:
    shares, draw = Shares(audit=0.1, weighted=0.5), random.Random(5)
    for score, expected in ((0.0, 0.1), (0.15, 0.1 + 0.9 * 0.25), (0.3, 0.1 + 0.9 * 0.5)):
        assert inclusion(score, PAIR, shares) == pytest.approx(expected)
        found = [sampled(Verdict.ACCEPT, score, PAIR, FULL, shares, draw.random()) for _ in range(8000)]
        taken = [one for one in found if one is not None]
        assert len(taken) / len(found) == pytest.approx(expected, abs=0.02)
        weighted = [one for one in taken if one.scheme is Scheme.WEIGHTED]
        assert all(one.probability == pytest.approx(expected) and one.training for one in weighted)


def test_below_partial_all_parts_are_the_sample() -> None:
    found = sampled(Verdict.REVIEW, 0.5, PAIR, SHADOW, Shares(audit=0.2), 0.9)
    assert found is not None
    assert (found.scheme, found.probability, found.training) == (Scheme.ALL, 1.0, True)
    held_out = sampled(Verdict.REVIEW, 0.5, PAIR, SHADOW, Shares(audit=0.2), 0.05)
    assert held_out is not None
    assert not held_out.training
