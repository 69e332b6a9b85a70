"""Blessing: the recipe's section as limits, judged by the interval, and the decision."""

import math

import numpy as np
import pytest

from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.recipe import Blessing, Recipe
from tests.simulators.evaluated import RECIPE, drawn
from trainer.evaluation.blessing import Kinds, change, decide, limits_of
from trainer.evaluation.limits import Judgement, judge_change, judge_value, missing_parts
from trainer.evaluation.rates import Estimate, exact_share
from trainer.evaluation.resampling import auroc_interval
from trainer.evaluation.settings import EvaluatorSettings
from trainer.evaluation.verdict import candidate, conclude

BOTH = Kinds(8, 20)


def limit(which: str, **policy):
    """The limit of the recipe's section on a value or on the change."""
    found = limits_of(Blessing(**policy))
    return next(one for one in found if (one.change is not None) == (which == "change"))


def concluded(parts: int, former_skill: float | None = None, skill: float = 3.0, latest: str = "", **blessing):
    recipe = RECIPE.model_copy(update={"blessing": Blessing(**blessing)})

    def model(with_skill):
        made = {split: drawn(many, 1, with_skill) for split, many in (("eval", 180), ("test", parts))}
        known, logits = ({split: pair[place] for split, pair in made.items()} for place in (0, 1))
        return candidate(logits, known, recipe, None, "tile v1")

    former = None if former_skill is None else model(former_skill)
    return conclude(model(skill), former, recipe, EvaluatorSettings(), latest)


def test_the_old_words_are_limits_and_what_nothing_can_break_is_none():
    found = limits_of(Blessing())
    assert [(one.metric, one.lower, one.require) for one in found] == [
        ("part_auroc", 0.8, "measured"),
        ("recall", 0.7, "measured"),
        ("part_auroc", None, "unbroken"),
    ]
    assert {one.require for one in limits_of(Blessing(require="proven"))} == {"proven"}
    (overkill,) = [one for one in limits_of(Blessing(overkill_max=0.2)) if one.metric == "overkill"]
    assert (overkill.upper, overkill.require) == (0.2, "measured")
    assert limits_of(Blessing(auroc_min=0, recall_min=0, regression_max=1)) == ()


def test_a_recipe_that_says_nothing_of_it_keeps_its_digest():
    silent = Recipe(name="x", labels={"good": "ok", "defects": ["pit"]})
    assert set(silent.model_dump(mode="json")["blessing"]) == {"auroc_min", "recall_min", "regression_max"}
    assert digest_bytes(silent.model_dump_json().encode()) == digest_bytes(
        silent.model_copy(update={"blessing": Blessing(require="measured")}).model_dump_json().encode()
    )
    strict = Recipe(
        name="x", labels={"good": "ok", "defects": ["pit"]}, blessing={"require": "proven", "overkill_max": 0.2}
    )
    assert strict.blessing.for_devices() == Blessing()
    assert Recipe.model_validate_json(strict.model_dump_json()).blessing.require == "proven"


def test_few_parts_keep_a_limit_as_measured_and_the_missing_ones_are_said():
    found = concluded(24, skill=9.0)
    assert found.decision.blessed
    assert "kept as measured, not proven; about" in found.decision.remarks[0]
    assert "more defective parts" in found.decision.remarks[0]
    assert not concluded(24, skill=9.0, require="proven").decision.blessed
    assert concluded(400, skill=9.0, require="proven").decision.blessed


def test_what_misses_a_limit_is_a_reason_for_each():
    found = concluded(150, skill=0.1)
    assert not found.decision.blessed
    assert [reason.split()[0] for reason in found.decision.reasons] == ["AUROC", "recall"][
        : len(found.decision.reasons)
    ]
    assert "required at least 0.800: broken" in found.decision.reasons[0]


def test_a_loss_beyond_chance_is_refused_and_one_within_it_is_not():
    worse = concluded(150, former_skill=6.0, skill=1.6)
    assert not worse.decision.blessed
    assert any("against tile v1: loss" in reason for reason in worse.decision.reasons)
    assert worse.metrics["change"]["drop"] > 0.02
    same = concluded(150, former_skill=6.0, skill=6.0)
    assert same.decision.blessed
    statuses = [one["status"] for one in same.metrics["limits"] if one["kind"] == "change"]
    assert statuses == ["proven"]


def test_that_nothing_was_compared_is_said():
    said = concluded(24, latest="tile v1").metrics["remarks"]
    assert said[-1] == "not compared with tile v1: it takes other inputs, or knows other labels"
    assert not any("not compared" in one for one in concluded(24, 3.0, latest="tile v1").metrics["remarks"])


@pytest.mark.parametrize(
    ("drop", "default", "proven"),
    [
        (Estimate(0.1, 0.05, 0.2, 50), "violated", "violated"),
        (Estimate(0.1, -0.05, 0.2, 50), "open", "unproven"),
        (Estimate(0.03, 0.01, 0.05, 50), "violated", "unproven"),
        (Estimate(0.01, 0.005, 0.02, 50), "proven", "proven"),
        (Estimate(0.01, -0.02, 0.04, 50), "measured", "unproven"),
        (Estimate(math.nan, math.nan, math.nan, 0), "unproven", "unproven"),
    ],
)
def test_what_the_interval_says_of_a_loss(drop, default, proven):
    assert judge_change(limit("change"), drop, "m v1").status == default
    assert judge_change(limit("change", require="proven"), drop, "m v1").status == proven


def test_a_loss_of_nearly_nothing_has_no_sign():
    said = judge_change(limit("change"), Estimate(-0.0001, -0.0004, 0.01, 50), "m v1").text
    assert "loss 0.000 (95 % interval 0.000 to 0.010, 50 parts)" in said


def test_the_missing_parts_bring_the_proof():
    asked = limit("value")
    assert missing_parts(asked, Estimate(1.0, 0.63, 1.0, 29), 8, 21).startswith("about 9 more defective parts")
    assert 0.025 ** (1 / 17) >= 0.8 > 0.025 ** (1 / 16)
    assert missing_parts(asked, Estimate(0.9, 0.7, 0.98, 40), 30, 10).startswith("about 30 more good parts")
    assert missing_parts(asked, Estimate(0.7, 0.6, 0.9, 40), 10, 30) == ""
    recall = next(one for one in limits_of(Blessing()) if one.metric == "recall")
    escape = exact_share(0, 8)
    caught = Estimate(1 - escape.value, 1 - escape.high, 1.0, 8, 8)
    assert missing_parts(recall, caught, 8, 21) == "3 more defective parts, none accepted, are needed to prove it"
    assert judge_value(recall, Estimate(1.0, 1 - exact_share(0, 11).high, 1.0, 11, 11)).status == "proven"


@pytest.mark.fault("T09")
@pytest.mark.parametrize(("split", "chosen", "test"), [("test", BOTH, Kinds(0, 20)), ("eval", Kinds(7, 0), BOTH)])
def test_without_both_kinds_nothing_is_blessed(split, chosen, test):
    good = Judgement("part_auroc", "value", "proven", "fine")
    decision = decide({"eval": chosen, "test": test}, [good])
    assert not decision.blessed
    assert decision.reasons[0].startswith("insufficient evidence: ")
    assert f"(split {split})" in decision.reasons[0]
    assert decide({"eval": BOTH, "test": BOTH}, [good]).remarks == ("fine",)


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
