import math

import numpy as np
import pytest

from edge_agent.contracts.recipe import Blessing
from trainer.evaluation.blessing import Change, Kinds, Measured, change, decide
from trainer.evaluation.resampling import auroc_interval

GOOD = Measured(auroc=0.95, auroc_low=0.9, auroc_high=0.99, recall=0.9, defective=10, good=20)


def test_a_model_that_reaches_all_values_is_blessed_and_the_interval_is_said():
    decision = decide(GOOD, None, Blessing())
    assert decision.blessed
    assert "95 % interval 0.900 to 0.990" in decision.remarks[0]


def test_each_missed_value_is_a_reason():
    poor = Measured(0.6, 0.5, 0.7, 0.4, 10, 20)
    decision = decide(poor, None, Blessing())
    assert not decision.blessed
    assert [reason.split()[0] for reason in decision.reasons] == ["AUROC", "recall"]


@pytest.mark.fault("T09")
def test_without_defective_parts_nothing_is_blessed():
    decision = decide(Measured(math.nan, math.nan, math.nan, math.nan, 0, 20), None, Blessing())
    assert not decision.blessed
    assert "insufficient evidence: 0 defective and 20 good parts" in decision.reasons[0]


@pytest.mark.fault("T09")
@pytest.mark.parametrize("chosen", [Kinds(0, 20), Kinds(7, 0)])
def test_without_both_kinds_among_the_parts_that_the_thresholds_come_from_nothing_is_blessed(chosen):
    decision = decide(GOOD, None, Blessing(), chosen)
    assert not decision.blessed
    assert f"{chosen.defective} defective and {chosen.good} good parts held out (split eval)" in decision.reasons[0]


def test_a_proven_loss_is_a_reason_and_an_unproven_one_a_remark():
    proven = decide(GOOD, Change(0.1, 0.05, 0.2, "m v1"), Blessing())
    unproven = decide(GOOD, Change(0.1, -0.05, 0.2, "m v1"), Blessing())
    small = decide(GOOD, Change(0.01, 0.005, 0.02, "m v1"), Blessing())
    assert (proven.blessed, unproven.blessed, small.blessed) == (False, True, True)
    assert "0.100 worse than m v1" in proven.reasons[0]


def test_the_paired_change_of_a_model_with_itself_is_nothing():
    rng = np.random.default_rng(1)
    scores, defective = rng.random(40), np.arange(40) < 12
    found = change(scores, scores, defective, "m v1")
    assert (found.drop, found.low, found.high) == (0.0, 0.0, 0.0)


def test_the_interval_holds_the_value_and_is_undefined_without_both_kinds():
    rng = np.random.default_rng(2)
    defective = np.arange(60) < 20
    scores = np.where(defective, 0.4, 0.2) + rng.random(60) * 0.5
    low, high = auroc_interval(scores, defective)
    assert 0.5 < low < high <= 1.0
    assert math.isnan(auroc_interval(scores, np.zeros(60, bool))[0])


def test_perfect_separation_of_few_parts_is_no_certainty():
    defective = np.arange(30) < 8
    low, high = auroc_interval(defective.astype(float), defective)
    assert (round(low, 2), high) == (0.63, 1.0)
