"""The bound on escapes holds for whatever scores come, and is where fixed-sequence testing stops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converter.confidence import Cost, choose_thresholds, least_cost
from edge_agent.contracts.bounds import allowed_escapes, exact_interval, lower_bound, more_needed, upper_bound
from edge_agent.contracts.recipe import Thresholds
from tests.benchmarks.evaluation import SHAPES, broken_share, empirical, promised

TRIALS = 300


def learn_then_test(bad, rate, confidence):
    """Test thresholds from 0 upwards, each at the whole risk, and stop at the first that is not proven."""
    accepted = 0.0
    for threshold in np.sort(bad):
        if upper_bound(int((bad < threshold).sum()), len(bad), confidence) > rate:
            return accepted
        accepted = float(threshold)
    return accepted


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=5, max_size=120),
    st.lists(st.integers(0, 60), min_size=1, max_size=60),
    st.sampled_from([0.02, 0.05, 0.1, 0.3]),
    st.sampled_from([0.6, 0.9, 0.95]),
    st.booleans(),
)
def test_no_threshold_lies_above_the_one_at_which_testing_stops(bad, good, rate, confidence, priced):
    scores = np.asarray([*bad, *good]) / 60
    defective = np.arange(len(scores)) < len(bad)
    cost = Cost(50, 5, 1, 0.02) if priced else None
    pair = choose_thresholds(scores, defective, Thresholds(escape_rate=rate, confidence=confidence), cost)
    if pair.evidence == "bound":
        assert pair.accept_below <= learn_then_test(scores[defective], rate, confidence)
        escapes = int((scores[defective] < pair.accept_below).sum())
        assert upper_bound(escapes, len(bad), confidence) <= rate
    else:
        assert allowed_escapes(len(bad), rate, confidence) is None
        assert "insufficient evidence" in pair.note
    assert pair.accept_below <= pair.reject_above


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cost", [None, Cost(100, 5, 1, 0.01)])
def test_the_promise_is_broken_in_at_most_5_of_100_cases(shape, cost):
    policy = Thresholds(escape_rate=0.05, confidence=0.95, review_share=0.2)
    broken = broken_share(shape, 150, policy, lambda s, d, p: promised(s, d, p, cost), TRIALS)
    assert lower_bound(round(broken * TRIALS), TRIALS, 0.99) <= 0.05
    assert broken_share(shape, 150, policy, empirical, TRIALS) > 0.3


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.data())
def test_an_interval_holds_its_share_and_the_missing_parts_are_just_enough(n, data):
    events = data.draw(st.integers(0, n))
    low, high = exact_interval(events, n)
    assert 0 <= low <= events / n <= high <= 1
    more = more_needed(events, n, 0.1, 0.95)
    assert upper_bound(events, n + more, 0.95) <= 0.1
    assert more == 0 or upper_bound(events, n + more - 1, 0.95) > 0.1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 15), st.booleans()), min_size=4, max_size=25),
    st.floats(0.1, 1.0),
    st.floats(0, 0.5),
)
def test_the_least_cost_is_found(rows, limit, review):
    scores = np.asarray([score for score, _ in rows]) / 15
    defective = np.asarray([kind for _, kind in rows])
    if defective.all() or not defective.any():
        return
    cost = Cost(20, 4, 1, 0.1)

    def price(accept, reject):
        escape = (scores[defective] < accept).mean()
        seen = (scores >= accept) & (scores < reject)
        bad = cost.escape * escape + cost.review * seen[defective].mean()
        good = cost.overkill * (scores[~defective] >= reject).mean() + cost.review * seen[~defective].mean()
        return (0.1 * bad + 0.9 * good) if seen.mean() <= review + 1e-12 else np.inf

    accept, reject = least_cost(scores, defective, limit, review, cost)
    places = np.unique(np.r_[np.arange(15) / 15 + 1 / 30, 0.0, 1.0, limit])
    best = min(price(a, r) for a in places if a <= limit for r in places if r >= a)
    assert accept <= limit
    assert price(accept, reject) <= best + 1e-9
