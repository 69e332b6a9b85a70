"""Evaluator: the model on parts it never saw, by TFMA and by part, against the latest blessed one."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from converter.confidence import PartScores, choose_thresholds, fit_temperature, join_parts
from edge_agent.contracts.bundle import ThresholdPair
from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.scores import defect_probability, probabilities
from trainer.components import blessing as rules
from trainer.components.examples import columns
from trainer.components.tfma_metrics import analyse
from trainer.components.trainer import RECIPE, load_pictures, network_shape
from trainer.components.worst import write_worst
from trainer.pipeline.step import Context
from trainer.vision import evaluate
from trainer.vision.data import Pictures

METRICS = "metrics.json"
_ALONE = "split.eval is 0: the thresholds come from the parts that they are judged on"
BLESSED, NOT_BLESSED = "BLESSED", "NOT_BLESSED"


@dataclass(frozen=True)
class Judged:
    """One model's answers to the test pictures, calibrated on the evaluation pictures."""

    frames: npt.NDArray[np.float64]
    classes: npt.NDArray[np.float64]
    heatmaps: npt.NDArray[np.float32]
    parts: PartScores
    temperature: float
    thresholds: ThresholdPair


def evaluator(
    examples: Path,
    transform_graph: Path,
    model: Path,
    baseline: Path | None,
    evaluation: Path,
    blessing: Path,
    recipe: Mapping[str, Any],
    baseline_name: str,
    context: Context,
) -> dict[str, Any]:
    """Measure on the test split with thresholds from the eval split; bless or not, with reasons.

    Without an eval split the thresholds come from the test split too, which flatters the recall, and is said; the AUROC
    needs no threshold and stays what it is.

    Writes the ModelEvaluation (`metrics.json`, TFMA's files in `tfma/`, pictures of the worst errors in `errors/`) and
    the ModelBlessing (a file BLESSED or NOT_BLESSED that names the model's digest).
    """
    settings = Recipe.model_validate(recipe)
    chosen = load_pictures(examples, transform_graph, "eval", settings)
    test = load_pictures(examples, transform_graph, "test", settings)
    context.progress(f"{len(test)} test pictures", None)
    alone = not len(chosen)
    if alone:
        chosen = test
    judged = judge(model, settings, chosen, test)
    measured = measure(judged)
    changed = None
    if baseline is not None and _comparable(baseline, settings):
        former = judge(baseline, settings, chosen, test)
        changed = rules.change(judged.parts.scores, former.parts.scores, judged.parts.defective, baseline_name)
    decision = rules.decide(measured, changed, settings.blessing)
    metrics = _metrics(judged, test, measured, settings)
    metrics["change"] = asdict(changed) if changed else None
    metrics["blessed"], metrics["reasons"] = decision.blessed, list(decision.reasons)
    metrics["remarks"] = [*decision.remarks, *([_ALONE] if alone else [])]
    if len(test):
        context.progress("slices", None)
        metrics["slices"] = analyse(judged.frames, test.labels > 0, _slices(examples), evaluation / "tfma")
        metrics["worst"] = write_worst(test, judged.frames, judged.heatmaps, settings, evaluation / "errors")
    (evaluation / METRICS).write_text(json.dumps(_finite(metrics), indent=1), encoding="utf-8")
    (blessing / (BLESSED if decision.blessed else NOT_BLESSED)).write_text(f"{model.name}\n", encoding="utf-8")
    short = {name: value for name, value in _finite(asdict(measured)).items() if value is not None}
    said = list(decision.reasons or metrics["remarks"])
    return {"evaluation": short, "blessing": {"blessed": int(decision.blessed), "reasons": said}}


def judge(model: Path, recipe: Recipe, chosen: Pictures, test: Pictures) -> Judged:
    """Let a model answer; temperature and thresholds come from the `chosen` pictures only."""
    from trainer.vision.export import WEIGHTS
    from trainer.vision.network import build
    from trainer.vision.predict import predict
    from trainer.vision.weights import load_weights

    network = build(recipe)
    load_weights(network, model / WEIGHTS)
    classes = len(recipe.labels.names)
    logits = predict(network, chosen.images).logits if len(chosen) else np.zeros((0, classes), np.float32)
    temperature = fit_temperature(logits, chosen.labels)
    frames = defect_probability(probabilities(logits, temperature)) if len(chosen) else np.zeros(0)
    held = join_parts(frames, chosen.parts, chosen.labels, recipe.views.combine)
    thresholds = choose_thresholds(held.scores, held.defective, recipe.thresholds)
    if not len(test):
        nothing = join_parts([], (), [], recipe.views.combine)
        empty = np.zeros((0, 1, 1), np.float32)
        return Judged(np.zeros(0), np.zeros((0, classes)), empty, nothing, temperature, thresholds)
    outputs = predict(network, test.images)
    shares = probabilities(outputs.logits, temperature)
    scores = defect_probability(shares)
    parts = join_parts(scores, test.parts, test.labels, recipe.views.combine)
    return Judged(scores, shares, outputs.heatmaps, parts, temperature, thresholds)


def measure(judged: Judged) -> rules.Measured:
    """Measure per part on the test split."""
    parts, thresholds = judged.parts, judged.thresholds
    rates = evaluate.rates(parts.scores, parts.defective, thresholds.accept_below, thresholds.reject_above)
    low, high = rules.interval(parts.scores, parts.defective)
    value = evaluate.auroc(parts.scores, parts.defective)
    return rules.Measured(value, low, high, rates.recall, rates.defective, rates.good)


def _metrics(judged: Judged, test: Pictures, measured: rules.Measured, recipe: Recipe) -> dict[str, Any]:
    parts, thresholds, classes = judged.parts, judged.thresholds, len(recipe.labels.names)
    predicted = judged.classes.argmax(axis=1).astype(np.int64) if len(test) else np.zeros(0, np.int64)
    known = (test.labels > 0) & test.masked.astype(bool)
    return {
        "part": asdict(measured),
        "frame_auroc": evaluate.auroc(judged.frames, test.labels > 0),
        "frame_accuracy": float((predicted == test.labels).mean()) if len(test) else math.nan,
        "heatmap_hit_rate": evaluate.heatmap_hit_rate(judged.heatmaps, test.masks, known) if len(test) else math.nan,
        "temperature": judged.temperature,
        "thresholds": thresholds.model_dump(mode="json"),
        "rates": asdict(
            evaluate.rates(parts.scores, parts.defective, thresholds.accept_below, thresholds.reject_above)
        ),
        "confusion": evaluate.confusion(test.labels, predicted, classes).tolist(),
        "labels": list(recipe.labels.names),
        "part_scores": [
            [p, float(s), bool(d)] for p, s, d in zip(parts.parts, parts.scores, parts.defective, strict=True)
        ],
    }


def _slices(examples: Path) -> dict[str, list[str]]:
    """Columns to slice by: exposure and station, where the data has them and they differ."""
    table = columns(examples, "test")
    found = {name: [value.decode() or "unknown" for value in table[name]] for name in ("exposure", "station")}
    return {name: values for name, values in found.items() if len(set(values)) > 1}


def _comparable(baseline: Path, recipe: Recipe) -> bool:
    former = Recipe.model_validate_json((baseline / RECIPE).read_text(encoding="utf-8"))
    return network_shape(former) == network_shape(recipe)


def _finite(value: Any) -> Any:
    """JSON has no NaN: what is not defined becomes null."""
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
