"""The table of the model update, and the rules that choose among its edges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.messages import Desired, ModelRef, Probation, Strategy
from edge_agent.contracts.states import SETTLED, UpdateState
from edge_agent.install import transitions
from edge_agent.install.transitions import Move, Step, Watch, Work

S = UpdateState
A = ModelRef(name="plate", version="1", release=1, bundle="a" * 64)
B = ModelRef(name="plate", version="2", release=2, bundle="b" * 64)


def desired(generation: int, model: ModelRef | None = B, **more: object) -> Desired:
    return Desired.model_validate({"generation": generation, "at_ms": 0, "model": model, **more})


def test_the_table_knows_every_state_and_every_settled_state_can_be_offered_something():
    assert set(transitions.TABLE) == set(UpdateState)
    assert set().union(*transitions.TABLE.values()) <= set(UpdateState)
    assert all(transitions.may(state, S.OFFERED) for state in SETTLED)


def test_a_model_is_committed_only_after_probation_or_when_it_already_ran():
    before = {state for state, after in transitions.TABLE.items() if S.COMMITTED in after}
    assert before == {S.PROBATION, S.OFFERED}


def test_what_was_activated_ends_by_commit_or_by_rollback_and_in_no_other_way():
    assert transitions.TABLE[S.ACTIVATING] == {S.PROBATION, S.READY, S.ROLLING_BACK}
    assert transitions.TABLE[S.PROBATION] == {S.COMMITTED, S.ROLLING_BACK}


@pytest.mark.fault("F10")
@pytest.mark.parametrize("state", list(UpdateState))
def test_an_older_or_the_same_generation_is_ignored_in_every_state(state):
    work = Work(state, 8, 8, A)
    assert transitions.consider(work, desired(7)) is Move.IGNORE
    assert transitions.consider(work, desired(8)) is Move.IGNORE


@pytest.mark.parametrize(
    ("state", "model", "move"),
    [
        (S.IDLE, B, Move.OFFER),
        (S.COMMITTED, B, Move.OFFER),
        (S.COMMITTED, None, Move.ADOPT),
        (S.DOWNLOADING, A, Move.ADOPT),
        (S.DOWNLOADING, B, Move.SUPERSEDE),
        (S.DOWNLOADING, None, Move.CANCEL),
        (S.PROBATION, A, Move.ADOPT),
        (S.PROBATION, B, Move.ROLL_BACK),
        (S.PROBATION, None, Move.ROLL_BACK),
        (S.ROLLING_BACK, A, Move.ROLL_BACK),
    ],
)
def test_something_newer_is_desired(state, model, move):
    assert transitions.consider(Work(state, 3, 3, A), desired(4, model)) is move


def test_a_generation_that_was_seen_but_not_begun_is_still_taken():
    assert transitions.consider(Work(S.ROLLED_BACK, 3, 5, A), desired(5)) is Move.OFFER
    assert transitions.consider(Work(S.ROLLED_BACK, 3, 5, A), desired(4)) is Move.IGNORE


def test_what_an_offer_leads_to_at_once():
    assert transitions.on_offer(desired(1), B, None, None, frozenset()) is None
    assert transitions.on_offer(desired(1), B, B.bundle, B.bundle, frozenset()) == Step(S.COMMITTED, "already running")
    banned = transitions.on_offer(desired(1), B, None, None, {B.bundle})
    assert banned is not None
    assert banned.after is S.REJECTED
    shadow = transitions.on_offer(desired(1, strategy=Strategy.SHADOW), B, A.bundle, None, frozenset())
    assert shadow is not None
    assert "judge beside" in shadow.reason
    assert transitions.on_offer(desired(1, strategy=Strategy.SHADOW), B, A.bundle, A.bundle, frozenset()) is None


def test_a_challenger_stays_until_it_fails_or_is_wanted_in_use():
    shadow, direct = desired(1, strategy=Strategy.SHADOW, probation=Probation(errors_max=2)), desired(2)
    assert transitions.judge_shadow(Watch(1e9, 10_000, 2, 2), shadow) is None
    for watch in (Watch(1, 9, 3, 0), Watch(1, 0, 0, 3)):
        step = transitions.judge_shadow(watch, shadow)
        assert step is not None
        assert (step.after, step.ban) == (S.REJECTED, True)
    ready = transitions.judge_shadow(Watch(1, 7, 0, 0), direct)
    assert ready == Step(S.READY, "judged 7 parts beside the champion")
    late = desired(1, strategy=Strategy.SHADOW, deadline_ms=5)
    assert transitions.past_deadline(S.SHADOW, late, 6, False) is None
    assert transitions.past_deadline(S.SELFTEST, late, 6, False) is not None


def test_probation_needs_both_its_seconds_and_its_parts():
    limits = Probation(seconds=30, parts=20, errors_max=2)
    assert transitions.judge(Watch(29, 100, 0, 0), limits) is None
    assert transitions.judge(Watch(1e6, 19, 0, 0), limits) is None
    assert transitions.judge(Watch(30, 20, 2, 2), limits) == Step(S.COMMITTED, "20 parts, 2 model errors")


@pytest.mark.fault("F04")
def test_three_crashes_or_too_many_errors_end_probation_and_ban_the_bundle():
    limits = Probation(seconds=0, parts=0, errors_max=2)
    for watch in (Watch(99, 99, 0, 3), Watch(99, 99, 3, 0)):
        step = transitions.judge(watch, limits)
        assert step is not None
        assert (step.after, step.ban) == (S.ROLLING_BACK, True)


def test_only_an_interrupted_activation_is_undone_and_the_third_time_for_good():
    assert transitions.after_interruption(S.DOWNLOADING, 1) is None
    assert transitions.after_interruption(S.PROBATION, 2) is None
    again = transitions.after_interruption(S.ACTIVATING, 1)
    assert again is not None
    assert again.after is S.READY
    last = transitions.after_interruption(S.ACTIVATING, 3)
    assert last is not None
    assert (last.after, last.ban) == (S.ROLLING_BACK, True)


def test_the_deadline_ends_what_is_not_activated_yet_but_not_by_a_suspect_clock():
    late = desired(1, deadline_ms=1000)
    step = transitions.past_deadline(S.DOWNLOADING, late, 1001, False)
    assert step is not None
    assert step.after is S.FAILED
    assert transitions.past_deadline(S.DOWNLOADING, late, 1001, True) is None
    assert transitions.past_deadline(S.DOWNLOADING, late, 1000, False) is None
    assert transitions.past_deadline(S.PROBATION, late, 1001, False) is None
    assert transitions.past_deadline(S.COMMITTED, late, 1001, False) is None


@given(st.integers(0, 100), st.floats(0, 0.999))
def test_retries_are_spread_and_bounded(attempt, draw):
    assert 0.25 <= transitions.retry_delay(attempt, draw) <= 60.0


@given(st.sampled_from(list(UpdateState)), st.integers(0, 9), st.integers(0, 9), st.integers(1, 9), st.booleans())
def test_whatever_arrives_is_answered_by_a_move_that_the_table_allows(state, generation, seen, offered, same):
    move = transitions.consider(Work(state, generation, max(seen, generation), A), desired(offered, A if same else B))
    reached = {
        Move.OFFER: S.OFFERED,
        Move.SUPERSEDE: S.SUPERSEDED,
        Move.CANCEL: S.CANCELLED,
        Move.ROLL_BACK: S.ROLLING_BACK,
    }.get(move)
    if offered < max(seen, generation):
        assert move is Move.IGNORE
    if reached is not None and state is not S.ROLLING_BACK:
        assert transitions.may(state, reached)
