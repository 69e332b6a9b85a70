"""Evaluator of pictures: the model on parts it never saw, by TFMA and by part, against the latest blessed one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.recipe import Recipe
from trainer.components.examples import columns
from trainer.components.trainer import RECIPE, load_pictures, network_shape
from trainer.components.worst import write_worst
from trainer.evaluation import verdict
from trainer.evaluation.answers import SLICED
from trainer.evaluation.settings import EvaluatorSettings
from trainer.evaluation.verdict import Judged, Truth
from trainer.pipeline.step import Context
from trainer.vision import evaluate
from trainer.vision.data import Pictures

SPLITS = ("eval", "test")


@dataclass(frozen=True)
class Question:
    """What every model is asked: the pictures of both splits, and the truth of each."""

    recipe: Recipe
    asked: EvaluatorSettings
    pictures: Mapping[str, Pictures]
    truth: Mapping[str, Truth]


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
    pictures = {split: load_pictures(examples, transform_graph, split, wanted) for split in SPLITS}
    truth = {split: _truth(examples, split, pictures[split]) for split in SPLITS}
    question = Question(wanted, asked, pictures, truth)
    test = pictures["test"]
    context.progress(f"{len(test)} test pictures", None)
    judged, heatmaps = judge(model, question)
    former = None
    if baseline is not None and _comparable(baseline, wanted):
        former, _ = judge(baseline, question)
    said = verdict.pronounce(judged, former, baseline_name, wanted, asked)
    if len(test):
        known = (test.labels > 0) & test.masked.astype(bool)
        said.metrics["heatmap_hit_rate"] = evaluate.heatmap_hit_rate(heatmaps, test.masks, known)
        context.progress("slices", None)
        said.metrics["slices"] = verdict.slices_by_tfma(judged, evaluation / "tfma")
        said.metrics["worst"] = write_worst(
            test, judged.test.scores, heatmaps, judged.parts, judged.thresholds, wanted, evaluation / "errors"
        )
    return verdict.write_verdict(judged, said, model.name, evaluation, blessing)


def judge(model: Path, question: Question) -> tuple[Judged, npt.NDArray[np.float32]]:
    """Let a model answer; return what follows, and the heatmaps (n, rows, columns) of the test pictures."""
    from trainer.vision.export import WEIGHTS
    from trainer.vision.network import build
    from trainer.vision.predict import predict
    from trainer.vision.weights import load_weights

    recipe = question.recipe
    network = build(recipe)
    load_weights(network, model / WEIGHTS)
    heatmaps = np.zeros((0, 1, 1), np.float32)
    logits = {}
    for split in SPLITS:
        pictures = question.pictures[split]
        logits[split] = np.zeros((0, len(recipe.labels.names)), np.float32)
        if len(pictures):
            outputs = predict(network, pictures.images)
            logits[split], heatmaps = outputs.logits, outputs.heatmaps
    return verdict.judge(logits, question.truth, recipe, question.asked), heatmaps


def _truth(examples: Path, split: str, pictures: Pictures) -> Truth:
    """Return what is known of a split; columns to slice by as far as it knows anything in them."""
    table = columns(examples, split)
    found = {name: [value.decode() for value in table[name]] for name in SLICED if name in table}
    names, digests = (tuple(value.decode() for value in table[name]) for name in ("name", "sha256"))
    attributes = {name: values for name, values in found.items() if any(values)}
    return Truth(pictures.parts, pictures.labels, names, digests, attributes)


def _comparable(baseline: Path, recipe: Recipe) -> bool:
    former = Recipe.model_validate_json((baseline / RECIPE).read_text(encoding="utf-8"))
    return network_shape(former) == network_shape(recipe)
