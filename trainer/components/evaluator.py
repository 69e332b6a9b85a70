"""Evaluator: the model on parts it never saw, by TFMA and by part, against the latest blessed one."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from converter.confidence import Cost, PartScores, calibration_error, choose_thresholds, fit_temperature
from edge_agent.contracts.bundle import ThresholdPair
from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.scores import probabilities
from trainer.components import blessing as rules
from trainer.components.examples import columns
from trainer.components.tfma_metrics import analyse
from trainer.components.trainer import RECIPE, load_pictures, network_shape
from trainer.components.worst import write_worst
from trainer.evaluation.answers import SLICED, Answers, Predictions
from trainer.evaluation.assessment import Model, assess, cost_of
from trainer.evaluation.plain import finite
from trainer.evaluation.rates import auroc, confusion, rates
from trainer.evaluation.resampling import auroc_interval
from trainer.evaluation.settings import EvaluatorSettings
from trainer.pipeline.step import Context
from trainer.vision import evaluate
from trainer.vision.data import Pictures

METRICS = "metrics.json"
_ALONE = "split.eval is 0: the thresholds come from the parts that they are judged on"
BLESSED, NOT_BLESSED = "BLESSED", "NOT_BLESSED"


@dataclass(frozen=True)
class Question:
    """What every model is asked: `chosen` pictures (split eval) for its thresholds, `test` pictures for the verdict.

    `details` holds for each split the pictures' names, their digests, and what they are sliced by.
    """

    recipe: Recipe
    cost: Cost | None
    chosen: Pictures
    test: Pictures
    details: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], Mapping[str, Sequence[str]]]]


@dataclass(frozen=True)
class Judged:
    """One model's answers, calibrated, with the thresholds that follow from the parts `held` out for them.

    `heatmaps` (n, rows, columns) and `parts` are of the test pictures.
    """

    predictions: Predictions
    heatmaps: npt.NDArray[np.float32]
    held: PartScores
    parts: PartScores
    temperature: float
    thresholds: ThresholdPair

    @property
    def test(self) -> Answers:
        """The answers to the test pictures."""
        return self.predictions.test

    def as_model(self, name: str = "") -> Model:
        """Return the model as the rules take it."""
        return Model(self.test, self.thresholds, name)


def evaluator(
    examples: Path,
    transform_graph: Path,
    model: Path,
    baseline: Path | None,
    evaluation: Path,
    blessing: Path,
    recipe: Mapping[str, Any],
    settings: Mapping[str, Any],
    baseline_name: str,
    context: Context,
) -> dict[str, Any]:
    """Measure on the test split with thresholds from the eval split; bless or not, with reasons.

    Without an eval split the thresholds come from the test split too, which flatters the recall, and is said; the AUROC
    needs no threshold and stays what it is.

    Writes the ModelEvaluation (`metrics.json`, the answers in `predictions.json`, TFMA's files in `tfma/`, pictures of
    the worst errors in `errors/`) and the ModelBlessing (a file BLESSED or NOT_BLESSED that names the model's digest).
    """
    wanted, asked = Recipe.model_validate(recipe), EvaluatorSettings.model_validate(settings)
    question = Question(
        wanted,
        cost_of(asked.cost),
        load_pictures(examples, transform_graph, "eval", wanted),
        load_pictures(examples, transform_graph, "test", wanted),
        {split: _details(examples, split) for split in ("eval", "test")},
    )
    test = question.test
    context.progress(f"{len(test)} test pictures", None)
    judged = judge(model, question)
    measured = measure(judged)
    former = None
    if baseline is not None and _comparable(baseline, wanted):
        former = judge(baseline, question)
    changed = _change(judged, former, baseline_name)
    before = former.as_model(baseline_name) if former else None
    found = assess(judged.as_model(), before, wanted.views.combine, wanted.thresholds, asked)
    decision = rules.decide(measured, changed, wanted.blessing, _kinds(judged), found.judgements)
    metrics = {**_metrics(judged, test, measured, wanted), **found.as_dict()}
    metrics["costs"] = asked.cost.model_dump() if asked.cost else None
    metrics["policy"], metrics["combine"] = wanted.thresholds.model_dump(), wanted.views.combine
    metrics["change"] = asdict(changed) if changed else None
    metrics["blessed"], metrics["reasons"] = decision.blessed, list(decision.reasons)
    alone = [_ALONE] if judged.predictions.chosen == "test" else []
    metrics["remarks"] = [*decision.remarks, *found.remarks, *alone]
    if len(test):
        context.progress("slices", None)
        slices = {name: values for name, values in judged.test.attributes.items() if len(set(values)) > 1}
        named = {name: [value or "unknown" for value in values] for name, values in slices.items()}
        metrics["slices"] = analyse(judged.test.scores, test.labels > 0, named, evaluation / "tfma")
        metrics["worst"] = _worst(test, judged, wanted, evaluation)
    (evaluation / METRICS).write_text(json.dumps(finite(metrics), indent=1), encoding="utf-8")
    judged.predictions.write(evaluation)
    (blessing / (BLESSED if decision.blessed else NOT_BLESSED)).write_text(f"{model.name}\n", encoding="utf-8")
    short = {name: value for name, value in finite(asdict(measured)).items() if value is not None}
    said = list(decision.reasons or metrics["remarks"])
    return {"evaluation": short, "blessing": {"blessed": int(decision.blessed), "reasons": said}}


def _worst(test: Pictures, judged: Judged, recipe: Recipe, evaluation: Path) -> list[dict[str, Any]]:
    scores, parts = judged.test.scores, judged.parts
    return write_worst(test, scores, judged.heatmaps, parts, judged.thresholds, recipe, evaluation / "errors")


def _change(now: Judged, former: Judged | None, name: str) -> rules.Change | None:
    if former is None:
        return None
    return rules.change(now.parts.scores, former.parts.scores, now.parts.defective, name)


def _kinds(judged: Judged) -> rules.Kinds:
    held = judged.held
    return rules.Kinds(int(held.defective.sum()), int((~held.defective).sum()))


def judge(model: Path, question: Question) -> Judged:
    """Let a model answer; temperature and thresholds come from the eval pictures only, where there are any."""
    from trainer.vision.export import WEIGHTS
    from trainer.vision.network import build
    from trainer.vision.predict import predict
    from trainer.vision.weights import load_weights

    recipe = question.recipe
    network = build(Recipe.model_validate_json((model / RECIPE).read_text(encoding="utf-8")))
    load_weights(network, model / WEIGHTS)
    classes = len(recipe.labels.names)
    heatmaps = np.zeros((0, 1, 1), np.float32)
    logits = {}
    for split, pictures in (("eval", question.chosen), ("test", question.test)):
        logits[split] = np.zeros((0, classes), np.float32)
        if len(pictures):
            outputs = predict(network, pictures.images)
            logits[split], heatmaps = outputs.logits, outputs.heatmaps
    chosen = "eval" if len(question.chosen) else "test"
    labels = {"eval": question.chosen.labels, "test": question.test.labels}
    temperature = fit_temperature(logits[chosen], labels[chosen])
    splits = {
        split: Answers(
            pictures.parts, pictures.labels, probabilities(logits[split], temperature), *question.details[split]
        )
        for split, pictures in (("eval", question.chosen), ("test", question.test))
    }
    held = splits[chosen].by_part(recipe.views.combine)
    thresholds = choose_thresholds(held.scores, held.defective, recipe.thresholds, question.cost)
    predictions = Predictions(recipe.labels.names, splits, chosen)
    return Judged(predictions, heatmaps, held, splits["test"].by_part(recipe.views.combine), temperature, thresholds)


def measure(judged: Judged) -> rules.Measured:
    """Measure per part on the test split."""
    parts, thresholds = judged.parts, judged.thresholds
    found = rates(parts.scores, parts.defective, thresholds.accept_below, thresholds.reject_above)
    low, high = auroc_interval(parts.scores, parts.defective)
    value = auroc(parts.scores, parts.defective)
    return rules.Measured(value, low, high, found.recall, found.defective, found.good)


def _metrics(judged: Judged, test: Pictures, measured: rules.Measured, recipe: Recipe) -> dict[str, Any]:
    parts, thresholds, classes = judged.parts, judged.thresholds, len(recipe.labels.names)
    predicted = judged.test.probabilities.argmax(axis=1).astype(np.int64) if len(test) else np.zeros(0, np.int64)
    known = (test.labels > 0) & test.masked.astype(bool)
    return {
        "part": asdict(measured),
        "frame_auroc": auroc(judged.test.scores, test.labels > 0),
        "frame_accuracy": float((predicted == test.labels).mean()) if len(test) else math.nan,
        "heatmap_hit_rate": evaluate.heatmap_hit_rate(judged.heatmaps, test.masks, known) if len(test) else math.nan,
        "temperature": judged.temperature,
        "calibration_error": calibration_error(judged.test.probabilities, test.labels),
        "thresholds": thresholds.model_dump(mode="json"),
        "rates": asdict(rates(parts.scores, parts.defective, thresholds.accept_below, thresholds.reject_above)),
        "confusion": confusion(test.labels, predicted, classes).tolist(),
        "labels": list(recipe.labels.names),
        "part_scores": [
            [p, float(s), bool(d)] for p, s, d in zip(parts.parts, parts.scores, parts.defective, strict=True)
        ],
    }


def _details(examples: Path, split: str) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, list[str]]]:
    """Return names, digests, and the columns to slice by as far as this split knows anything in them."""
    table = columns(examples, split)
    found = {name: [value.decode() for value in table[name]] for name in SLICED if name in table}
    names, digests = (tuple(value.decode() for value in table[name]) for name in ("name", "sha256"))
    return names, digests, {name: values for name, values in found.items() if any(values)}


def _comparable(baseline: Path, recipe: Recipe) -> bool:
    former = Recipe.model_validate_json((baseline / RECIPE).read_text(encoding="utf-8"))
    return network_shape(former) == network_shape(recipe)
