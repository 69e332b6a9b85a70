"""Temperature, calibration error and thresholds: rules on values."""

import math

import numpy as np
import pytest

from converter.confidence import calibration_error, choose_thresholds, fit_temperature, join_parts
from edge_agent.contracts.bounds import allowed_escapes, defective_needed, upper_bound
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Thresholds
from edge_agent.contracts.scores import probabilities


def test_frames_join_into_parts_in_the_order_of_appearance():
    joined = join_parts([0.2, 0.9, 0.4, 0.1], ["b", "a", "b", "a"], [0, 0, 2, 0], "max")
    assert joined.parts == ("b", "a")
    assert joined.scores.tolist() == [0.4, 0.9]
    assert joined.defective.tolist() == [True, False]
    assert join_parts([0.2, 0.4], ["b", "b"], [0, 0], "mean").scores[0] == pytest.approx(0.3)


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found_again(true_temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (6000, 4))
    chances = probabilities(logits, true_temperature)
    labels = (rng.random((6000, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(true_temperature, rel=0.08)
    assert calibration_error(probabilities(logits, found), labels) < 0.03


def test_a_temperature_from_nothing_or_from_perfection_stays_moderate():
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, int)) == 1.0
    perfect = np.asarray([[4.0, -4.0], [-4.0, 4.0]])
    assert 0.25 < fit_temperature(perfect, np.asarray([0, 1])) < 1.0


def test_logits_that_are_no_numbers_are_refused():
    with pytest.raises(Rejected, match="finite"):
        fit_temperature(np.asarray([[math.nan, 1.0]]), np.asarray([0]))


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    predicted = np.tile([0.8, 0.2], (10, 1))
    assert calibration_error(predicted, np.asarray([0] * 5 + [1] * 5)) == pytest.approx(0.3)
    assert math.isnan(calibration_error(np.zeros((0, 2)), np.zeros(0, int)))


@pytest.mark.parametrize(
    ("events", "trials", "bound"), [(0, 149, 0.0199), (0, 10, 0.2589), (2, 50, 0.1206), (3, 3, 1.0)]
)
def test_upper_bound_is_that_of_clopper_and_pearson(events, trials, bound):
    assert upper_bound(events, trials, 0.95) == pytest.approx(bound, abs=1e-4)


@pytest.mark.fault("M18")
def test_two_percent_at_95_percent_needs_149_defective_parts():
    assert defective_needed(0.02, 0.95) == 149
    assert allowed_escapes(148, 0.02, 0.95) is None
    assert allowed_escapes(149, 0.02, 0.95) == 0
    rng = np.random.default_rng(1)
    scores = np.concatenate([rng.uniform(0.6, 1, 120), rng.uniform(0, 0.4, 300)])
    pair = choose_thresholds(scores, np.arange(420) < 120, Thresholds(escape_rate=0.02, confidence=0.95))
    assert pair.evidence == "insufficient"
    assert "149 defective parts are needed" in pair.note


@pytest.mark.parametrize("lowest_defective", [0.02, 0.3, 0.9])
def test_with_too_few_parts_people_see_some_however_well_these_are_told_apart(lowest_defective):
    rng = np.random.default_rng(3)
    bad, good = np.r_[lowest_defective, rng.uniform(0.95, 1, 15)], rng.uniform(0, 0.2, 200)
    pair = choose_thresholds(np.concatenate([bad, good]), np.arange(216) < 16, Thresholds(review_share=0.1))
    assert pair.evidence == "insufficient"
    assert 0.05 <= (good >= pair.accept_below).mean() <= 0.1
    assert (good >= pair.reject_above).mean() <= 0.01
    assert pair.review_share <= 0.1


def test_with_enough_parts_the_bound_holds_and_reviews_stay_within_their_share():
    rng = np.random.default_rng(2)
    bad, good = rng.beta(5, 1.5, 300), rng.beta(1.2, 8, 700)
    defective = np.arange(1000) < 300
    policy = Thresholds(escape_rate=0.05, confidence=0.95, review_share=0.15)
    pair = choose_thresholds(np.concatenate([bad, good]), defective, policy)
    assert pair.evidence == "bound"
    assert pair.escape_upper <= 0.05
    assert pair.review_share <= 0.15
    assert (bad < pair.accept_below).mean() <= 0.05


def test_the_promise_is_broken_no_more_often_than_stated():
    policy = Thresholds(escape_rate=0.05, confidence=0.9, review_share=0.1)
    broken = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        scores = np.concatenate([rng.beta(4, 2, 120), rng.beta(2, 4, 200)])
        pair = choose_thresholds(scores, np.arange(320) < 120, policy)
        broken += (np.random.default_rng(10_000).beta(4, 2, 20_000) < pair.accept_below).mean() > 0.05
    assert broken / 300 <= 0.13


@pytest.mark.parametrize("defective", [np.zeros(5, bool), np.ones(5, bool)])
def test_without_both_kinds_of_parts_everything_goes_to_people(defective):
    pair = choose_thresholds(np.linspace(0.1, 0.9, 5), defective, Thresholds())
    assert (pair.accept_below, pair.reject_above, pair.evidence) == (0.0, 1.0, "insufficient")


def test_identical_scores_give_thresholds_in_order():
    pair = choose_thresholds(np.full(100, 0.5), np.arange(100) < 50, Thresholds(escape_rate=0.1, confidence=0.9))
    assert pair.accept_below <= pair.reject_above


@pytest.mark.parametrize("wrong", [math.nan, -0.1, 1.2])
def test_scores_that_are_no_probabilities_are_refused(wrong):
    with pytest.raises(Rejected, match="probabilities"):
        choose_thresholds(np.asarray([0.1, wrong]), np.asarray([True, False]), Thresholds())
