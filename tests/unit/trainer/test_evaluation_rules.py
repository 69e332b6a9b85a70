"""Rules of the evaluation: rates with intervals, limits, slices, evidence, and the choice again. No pictures."""

import math

import numpy as np
import pytest

from converter.confidence import Cost
from edge_agent.contracts.bundle import ThresholdPair
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import Thresholds
from trainer.evaluation.answers import Answers, Predictions, read_predictions
from trainer.evaluation.assessment import Model, assess, evidence
from trainer.evaluation.limits import judge_change, judge_value
from trainer.evaluation.rates import Estimate, exact_share, inspect
from trainer.evaluation.settings import EvaluatorSettings, LimitSettings
from trainer.evaluation.whatif import replay
from trainer.pipeline.recipes import load

PAIR = ThresholdPair(accept_below=0.3, reject_above=0.7)


def answers(parts=200, bad=0.3, seed=1, weak=""):
    """Two answers a part; station B sees worse where `weak` is "B"."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(parts) < bad * parts, 2)
    stations = ["A" if n % 4 < 2 else "B" for n in range(2 * parts)]
    middle = np.where(kinds, 0.85, 0.12)
    weaker = np.asarray([station == weak for station in stations])
    spread = np.where(weaker, 0.5, 0.08)
    scores = np.clip(np.where(weaker, 0.5, middle) + rng.normal(0, 1, 2 * parts) * spread, 0.001, 0.999)
    shares = np.stack([1 - scores, scores], axis=1)
    names = tuple(f"{n}.png" for n in range(2 * parts))
    ids = tuple(f"p{n // 2}" for n in range(2 * parts))
    return Answers(ids, kinds.astype(np.int64), shares, names, names, {"station": stations, "lot": ["x"] * len(names)})


def test_rates_come_with_exact_intervals_and_cost():
    scores, defective = np.asarray([0.1, 0.5, 0.9, 0.1, 0.5, 0.9]), np.arange(6) < 3
    found = inspect(scores, defective, 0.3, 0.7, Cost(100, 5, 1, 0.1))
    assert (found.escape.events, found.escape.n, found.overkill.events) == (1, 3, 1)
    assert found.escape.low == pytest.approx(0.0084, abs=1e-4)
    assert found.escape.high == pytest.approx(0.9057, abs=1e-4)
    assert found.cost.value == pytest.approx(0.1 * (100 + 1) / 3 + 0.9 * (5 + 1) / 3)
    assert found.cost.low < found.cost.value < found.cost.high


def test_nothing_to_share_among_is_undefined_and_has_the_whole_interval():
    found = exact_share(0, 0)
    assert math.isnan(found.value)
    assert (found.low, found.high) == (0.0, 1.0)
    assert math.isnan(inspect(np.asarray([0.5]), np.asarray([False]), 0.3, 0.7, Cost(1, 1, 1, 0.5)).cost.value)


@pytest.mark.parametrize(
    ("found", "require", "status"),
    [
        (Estimate(0.01, 0.0, 0.04, 300, 3), "proven", "proven"),
        (Estimate(0.01, 0.0, 0.09, 30, 0), "proven", "unproven"),
        (Estimate(0.01, 0.0, 0.09, 30, 0), "measured", "measured"),
        (Estimate(0.07, 0.0, 0.2, 30, 2), "measured", "unproven"),
        (Estimate(0.3, 0.1, 0.6, 30, 9), "measured", "violated"),
        (Estimate(math.nan, 0.0, 1.0, 0, 0), "measured", "unproven"),
    ],
)
def test_the_interval_decides_on_a_value(found, require, status):
    limit = LimitSettings(metric="escape", upper=0.05, require=require)
    judged = judge_value(limit, found)
    assert judged.status == status
    assert judged.passed == (status in ("proven", "measured"))
    assert "at most 0.050" in judged.text


@pytest.mark.parametrize(
    ("drop", "status"),
    [
        (Estimate(-0.01, -0.03, 0.01, 50), "proven"),
        (Estimate(0.0, -0.03, 0.03, 50), "unproven"),
        (Estimate(0.1, 0.05, 0.2, 50), "violated"),
        (Estimate(math.nan, math.nan, math.nan, 0), "unproven"),
    ],
)
def test_the_interval_decides_on_a_change(drop, status):
    limit = LimitSettings(metric="part_auroc", change={"allowed_drop": 0.02})
    judged = judge_change(limit, drop, "m v1")
    assert (judged.status, judged.kind) == (status, "change")
    assert "m v1" in judged.text


def test_limits_on_slices_are_judged_and_missing_parts_are_said():
    asked = EvaluatorSettings(
        thresholds=(
            {"metric": "part_auroc", "lower": 0.6},
            {"metric": "part_auroc", "lower": 0.9, "slice": {"station": "B"}},
            {"metric": "escape", "upper": 0.01, "slice": {"station": "A"}},
            {"metric": "escape", "upper": 0.5, "slice": {"station": "nowhere"}},
        )
    )
    found = assess(Model(answers(weak="B"), PAIR), None, "max", Thresholds(), asked)
    assert [judgement.status for judgement in found.judgements] == ["proven", "violated", "unproven", "unproven"]
    assert "more defective parts, none accepted, are needed to prove it" in found.judgements[2].text
    assert "no defective parts are held out there" in found.judgements[3].text


def test_a_change_is_judged_against_the_former_model_on_the_same_parts():
    asked = EvaluatorSettings(thresholds=({"metric": "overkill", "change": {"allowed_drop": 0.02}},))
    good, poor = Model(answers(), PAIR, "m v1"), Model(answers(weak="B"), PAIR, "m v2")
    (worse,) = assess(poor, good, "max", Thresholds(), asked).judgements
    (better,) = assess(good, poor, "max", Thresholds(), asked).judgements
    (same,) = assess(good, good, "max", Thresholds(), asked).judgements
    assert (worse.status, better.status, same.status) == ("violated", "proven", "proven")
    assert assess(good, None, "max", Thresholds(), asked).judgements == ()


def test_the_worst_slice_is_named_and_small_ones_are_shown_not_judged():
    found = assess(Model(answers(weak="B"), PAIR), None, "mean", Thresholds(), EvaluatorSettings())
    named = {one.metric: one for one in found.worst}
    assert named["AUROC"].slice == "station=B"
    assert named["AUROC"].proven
    assert any("AUROC is worst on station=B" in remark for remark in found.remarks)
    assert {one.slice for one in found.slices} == {"station=A", "station=B"}
    strict = assess(Model(answers(), PAIR), None, "mean", Thresholds(), EvaluatorSettings(slice_parts_min=1000))
    assert [one.judged for one in strict.slices] == [False, False]
    assert strict.worst == ()


def test_the_evidence_says_what_is_proven_broken_or_missing():
    policy = Thresholds(escape_rate=0.05, confidence=0.95)
    assert evidence(exact_share(0, 60), policy).status == "proven"
    assert evidence(exact_share(12, 60), policy).status == "violated"
    open_ = evidence(exact_share(0, 40), policy)
    assert (open_.status, open_.missing) == ("insufficient", 19)
    assert "19 more defective parts" in open_.text


@pytest.mark.fault("T09")
def test_without_a_defective_part_the_evidence_is_insufficient_and_nothing_fails():
    none = answers(bad=0.0)
    asked = EvaluatorSettings(thresholds=({"metric": "part_auroc", "lower": 0.5},), cost={"escape": 9})
    found = assess(Model(none, PAIR), Model(none, PAIR, "m v1"), "max", Thresholds(), asked)
    assert found.evidence.status == "insufficient"
    assert found.evidence.missing == 149
    assert not found.judgements[0].passed


def test_answers_survive_their_file_and_a_missing_one_is_said(tmp_path):
    given = answers(parts=5)
    Predictions(("ok", "pit"), {"eval": given, "test": given}, "eval").write(tmp_path)
    first = (tmp_path / "predictions.json").read_bytes()
    read = read_predictions(tmp_path)
    assert np.array_equal(read.test.probabilities, given.probabilities)
    assert (read.test.parts, read.test.names, read.test.attributes) == (
        given.parts,
        given.names,
        dict(given.attributes),
    )
    read.write(tmp_path)
    assert (tmp_path / "predictions.json").read_bytes() == first
    with pytest.raises(ConfigError, match="run the pipeline again"):
        read_predictions(tmp_path / "nothing")


def test_the_choice_again_gives_the_evaluators_thresholds_and_refuses_what_is_not_carried():
    predictions = Predictions(("ok", "pit"), {"eval": answers(seed=2), "test": answers(seed=3)}, "eval")
    found = replay(predictions, "max", Thresholds(escape_rate=0.1, confidence=0.9), Cost(100, 5, 1))
    assert not found["refused"]
    assert found["thresholds"]["escape_upper"] <= 0.1
    strict = replay(predictions, "max", Thresholds(escape_rate=0.01, confidence=0.9), None)
    assert strict["refused"]
    assert strict["missing"]["defective"] == 230 - 60
    rates = [rung["escape_rate"] for rung in strict["ladder"] if not rung["refused"]]
    assert rates == [0.05, 0.1, 0.2]


def test_a_recipes_limits_are_read_and_slips_are_named(tmp_path):
    recipe = tmp_path / "r.yaml"
    text = "name: x\nlabels: {good: ok, defects: [pit]}\npipeline:\n  evaluator:\n"
    recipe.write_text(text + '    thresholds:\n      - {metric: escape, upper: 0.05, slice: {exposure: "6"}}\n')
    _, found = load(str(recipe), ["evaluator.cost={escape: 7}"])
    assert found.evaluator.thresholds[0].slice == {"exposure": "6"}
    assert found.evaluator.cost.escape == 7
    recipe.write_text(text + "    thresholds:\n      - {metric: escape}\n")
    with pytest.raises(ConfigError, match="it limits nothing"):
        load(str(recipe), [])
    for slip, words in (("upper: 5", "5 % is 0.05"), ("lower: 0.9, upper: 0.1", "exchange them")):
        recipe.write_text(text + f"    thresholds:\n      - {{metric: escape, {slip}}}\n")
        with pytest.raises(ConfigError, match=words):
            load(str(recipe), [])
    recipe.write_text(text + "    thresholds:\n      - {metric: cost, upper: 5}\n")
    assert load(str(recipe), [])[1].evaluator.thresholds[0].upper == 5
    recipe.write_text(text + "    thresholds:\n      - {metric: escape, uper: 0.1}\n")
    with pytest.raises(ConfigError, match="did you mean 'upper'"):
        load(str(recipe), [])
