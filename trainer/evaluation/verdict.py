"""From a model's answers to its figures and the decision whether it is blessed: the same for every kind of data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from converter.confidence import Cost, calibration_error, choose_thresholds, fit_temperature
from edge_agent.contracts.bundle import ThresholdPair
from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.scores import Floats, probabilities
from trainer.evaluation import blessing as rules
from trainer.evaluation.answers import Answers, Predictions
from trainer.evaluation.assessment import Model, assess
from trainer.evaluation.rates import auroc, confusion, rates
from trainer.evaluation.resampling import auroc_interval
from trainer.evaluation.settings import EvaluatorSettings

_ALONE = "split.eval is 0: the thresholds come from the parts that they are judged on"
EVAL, TEST = "eval", "test"


@dataclass(frozen=True)
class Candidate:
    """A model's calibrated answers and the thresholds that follow from the parts held out for them."""

    predictions: Predictions
    pair: ThresholdPair
    temperature: float
    combine: str
    name: str = ""

    @property
    def test(self) -> Answers:
        """The answers that have the last word."""
        return self.predictions.test

    @property
    def held(self) -> Answers:
        """The answers that the thresholds come from."""
        return self.predictions.splits[self.predictions.chosen]

    def as_model(self) -> Model:
        """Return the model as the rules take it."""
        return Model(self.test, self.pair, self.name)


def candidate(
    logits: Mapping[str, Floats], given: Mapping[str, Answers], recipe: Recipe, cost: Cost | None, name: str = ""
) -> Candidate:
    """Calibrate a model's `logits` (n, classes) to the splits "eval" and "test"; what is known of these is `given`.

    Temperature and thresholds come from the eval split; from the test split where there is no other. Raises Rejected
    for logits that are not finite.
    """
    chosen = EVAL if len(given[EVAL]) else TEST
    temperature = fit_temperature(logits[chosen], given[chosen].labels)
    splits = {
        split: given[split].with_probabilities(probabilities(logits[split], temperature)) for split in (EVAL, TEST)
    }
    held = splits[chosen].by_part(recipe.views.combine)
    pair = choose_thresholds(held.scores, held.defective, recipe.thresholds, cost)
    predictions = Predictions(recipe.labels.names, splits, chosen)
    return Candidate(predictions, pair, temperature, recipe.views.combine, name)


@dataclass(frozen=True)
class Conclusion:
    """Everything for `metrics.json`, what was measured by part, and the decision."""

    metrics: dict[str, Any]
    measured: rules.Measured
    decision: rules.Decision


def conclude(
    now: Candidate, former: Candidate | None, recipe: Recipe, asked: EvaluatorSettings, latest: str = ""
) -> Conclusion:
    """Measure a candidate on the test parts, against the former blessed model, and decide.

    `latest` names the latest blessed model; without its answers (`former`) it is said that nothing was compared.
    """
    measured = measure(now)
    changed = None
    parts = now.test.by_part(now.combine)
    if former is not None:
        before = former.test.by_part(former.combine)
        changed = rules.change(parts.scores, before.scores, parts.defective, former.name)
    before_it, limits = former.as_model() if former else None, rules.limits_of(recipe.blessing)
    found = assess(now.as_model(), before_it, now.combine, recipe.thresholds, asked, limits)
    decision = rules.decide(
        {now.predictions.chosen: _kinds(now.held, now), TEST: _kinds(now.test, now)}, found.judgements
    )
    alone = [_ALONE] if now.predictions.chosen == TEST else []
    if latest and former is None:
        alone.append(f"not compared with {latest}: it takes other inputs, or knows other labels")
    metrics = {
        **_figures(now, measured),
        **found.as_dict(),
        "costs": asked.cost.model_dump() if asked.cost else None,
        "policy": recipe.thresholds.model_dump(),
        "combine": now.combine,
        "change": asdict(changed) if changed else None,
        "blessed": decision.blessed,
        "reasons": list(decision.reasons),
        "remarks": [*decision.remarks, *found.remarks, *alone],
    }
    return Conclusion(metrics, measured, decision)


def _kinds(answers: Answers, now: Candidate) -> rules.Kinds:
    defective = answers.by_part(now.combine).defective
    return rules.Kinds(int(defective.sum()), int((~defective).sum()))


def measure(now: Candidate) -> rules.Measured:
    """Measure per part on the test split."""
    parts, pair = now.test.by_part(now.combine), now.pair
    found = rates(parts.scores, parts.defective, pair.accept_below, pair.reject_above)
    low, high = auroc_interval(parts.scores, parts.defective)
    value = auroc(parts.scores, parts.defective)
    return rules.Measured(value, low, high, found.recall, found.defective, found.good)


def _figures(now: Candidate, measured: rules.Measured) -> dict[str, Any]:
    test, pair = now.test, now.pair
    parts = test.by_part(now.combine)
    said = test.probabilities.argmax(axis=1).astype(np.int64) if len(test) else np.zeros(0, np.int64)
    found = rates(parts.scores, parts.defective, pair.accept_below, pair.reject_above)
    scored = zip(parts.parts, parts.scores.tolist(), parts.defective.tolist(), strict=True)
    return {
        "part": asdict(measured),
        "frame_auroc": auroc(test.scores, test.labels > 0),
        "frame_accuracy": float((said == test.labels).mean()) if len(test) else float("nan"),
        "temperature": now.temperature,
        "calibration_error": calibration_error(test.probabilities, test.labels),
        "thresholds": pair.model_dump(mode="json"),
        "rates": asdict(found),
        "confusion": confusion(test.labels, said, len(now.predictions.labels)).tolist(),
        "labels": list(now.predictions.labels),
        "part_scores": [list(row) for row in scored],
    }
