"""From a model's answers to its verdict, the same for pictures and for rows of a table."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from converter.confidence import PartScores, calibration_error, choose_thresholds, fit_temperature
from edge_agent.contracts.bundle import ThresholdPair
from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.scores import probabilities
from trainer.components import blessing as rules
from trainer.components.tfma_metrics import analyse
from trainer.evaluation.answers import Answers, Predictions
from trainer.evaluation.assessment import Model, assess, cost_of
from trainer.evaluation.plain import finite
from trainer.evaluation.rates import auroc, confusion, rates
from trainer.evaluation.resampling import auroc_interval
from trainer.evaluation.settings import EvaluatorSettings

METRICS = "metrics.json"
BLESSED, NOT_BLESSED = "BLESSED", "NOT_BLESSED"
_ALONE = "split.eval is 0: the thresholds come from the parts that they are judged on"


@dataclass(frozen=True)
class Truth:
    """What is known of one split's pictures or rows: part and class index (n,) of each, and where it comes from."""

    parts: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    names: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """One model's answers, calibrated, with the thresholds that follow from the parts `held` out for them.

    `parts` are those of the test split.
    """

    predictions: Predictions
    held: PartScores
    parts: PartScores
    temperature: float
    thresholds: ThresholdPair

    @property
    def test(self) -> Answers:
        """The answers to the test split."""
        return self.predictions.test


def judge(
    logits: Mapping[str, npt.NDArray[np.float32]], truth: Mapping[str, Truth], recipe: Recipe, asked: EvaluatorSettings
) -> Judged:
    """Calibrate a model's `logits` (n, classes) of the splits eval and test, and choose its thresholds.

    Temperature and thresholds come from the eval split alone; where it is empty, from the test split.
    """
    chosen = "eval" if len(truth["eval"].labels) else "test"
    temperature = fit_temperature(logits[chosen], truth[chosen].labels)
    splits = {
        name: Answers(
            one.parts, one.labels, probabilities(logits[name], temperature), one.names, one.digests, one.attributes
        )
        for name, one in truth.items()
    }
    held = splits[chosen].by_part(recipe.views.combine)
    thresholds = choose_thresholds(held.scores, held.defective, recipe.thresholds, cost_of(asked.cost))
    predictions = Predictions(recipe.labels.names, splits, chosen)
    return Judged(predictions, held, splits["test"].by_part(recipe.views.combine), temperature, thresholds)


@dataclass(frozen=True)
class Verdict:
    """What is said of a model: the content of `metrics.json`, its figures per part, and whether it is blessed."""

    metrics: dict[str, Any]
    measured: rules.Measured
    decision: rules.Decision


def pronounce(
    judged: Judged, former: Judged | None, former_name: str, recipe: Recipe, asked: EvaluatorSettings
) -> Verdict:
    """Compare with the recipe's policy and limits, and with the former model's answers to the same parts."""
    measured = _measure(judged)
    changed, before = None, None
    if former is not None:
        changed = rules.change(judged.parts.scores, former.parts.scores, judged.parts.defective, former_name)
        before = Model(former.test, former.thresholds, former_name)
    model = Model(judged.test, judged.thresholds)
    found = assess(model, before, recipe.views.combine, recipe.thresholds, asked)
    kinds = rules.Kinds(int(judged.held.defective.sum()), int((~judged.held.defective).sum()))
    decision = rules.decide(measured, changed, recipe.blessing, kinds, found.judgements)
    alone = [_ALONE] if judged.predictions.chosen == "test" else []
    metrics = {
        **_metrics(judged, measured, recipe),
        **found.as_dict(),
        "costs": asked.cost.model_dump() if asked.cost else None,
        "policy": recipe.thresholds.model_dump(),
        "combine": recipe.views.combine,
        "change": asdict(changed) if changed else None,
        "blessed": decision.blessed,
        "reasons": list(decision.reasons),
        "remarks": [*decision.remarks, *found.remarks, *alone],
    }
    return Verdict(metrics, measured, decision)


def slices_by_tfma(judged: Judged, folder: Path) -> dict[str, dict[str, float]]:
    """Return TFMA's metrics of the test pictures or rows, overall and by the attributes that differ."""
    test = judged.test
    slices = {
        name: [value or "unknown" for value in values]
        for name, values in test.attributes.items()
        if len(set(values)) > 1
    }
    return analyse(test.scores, test.labels > 0, slices, folder)


def write_verdict(judged: Judged, verdict: Verdict, model: str, evaluation: Path, blessing: Path) -> dict[str, Any]:
    """Write `metrics.json`, `predictions.json` and the blessing's file, which names the model's digest.

    Returns the properties of both artifacts.
    """
    (evaluation / METRICS).write_text(json.dumps(finite(verdict.metrics), indent=1), encoding="utf-8")
    judged.predictions.write(evaluation)
    blessed = verdict.decision.blessed
    (blessing / (BLESSED if blessed else NOT_BLESSED)).write_text(f"{model}\n", encoding="utf-8")
    short = {name: value for name, value in finite(asdict(verdict.measured)).items() if value is not None}
    said = list(verdict.decision.reasons or verdict.metrics["remarks"])
    return {"evaluation": short, "blessing": {"blessed": int(blessed), "reasons": said}}


def _measure(judged: Judged) -> rules.Measured:
    parts, thresholds = judged.parts, judged.thresholds
    found = rates(parts.scores, parts.defective, thresholds.accept_below, thresholds.reject_above)
    low, high = auroc_interval(parts.scores, parts.defective)
    value = auroc(parts.scores, parts.defective)
    return rules.Measured(value, low, high, found.recall, found.defective, found.good)


def _metrics(judged: Judged, measured: rules.Measured, recipe: Recipe) -> dict[str, Any]:
    test, parts, thresholds, names = judged.test, judged.parts, judged.thresholds, recipe.labels.names
    said = test.probabilities.argmax(axis=1).astype(np.int64) if len(test) else np.zeros(0, np.int64)
    return {
        "part": asdict(measured),
        "frame_auroc": auroc(test.scores, test.labels > 0),
        "frame_accuracy": float((said == test.labels).mean()) if len(test) else math.nan,
        "heatmap_hit_rate": None,
        "temperature": judged.temperature,
        "calibration_error": calibration_error(test.probabilities, test.labels),
        "thresholds": thresholds.model_dump(mode="json"),
        "rates": asdict(rates(parts.scores, parts.defective, thresholds.accept_below, thresholds.reject_above)),
        "confusion": confusion(test.labels, said, len(names)).tolist(),
        "labels": list(names),
        "part_scores": [
            [p, float(s), bool(d)] for p, s, d in zip(parts.parts, parts.scores, parts.defective, strict=True)
        ],
    }
