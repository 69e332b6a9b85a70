"""Evaluator: the model on parts it never saw, by TFMA and by part, against the latest blessed one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from converter.confidence import Cost
from edge_agent.contracts.recipe import Recipe
from trainer.components.trainer import RECIPE, load_pictures
from trainer.data.picture_columns import columns
from trainer.evaluation.answers import SLICED, Answers
from trainer.evaluation.assessment import cost_of
from trainer.evaluation.outcome import slices_by_tfma, write_outcome
from trainer.evaluation.own import own_figures
from trainer.evaluation.settings import EvaluatorSettings
from trainer.evaluation.verdict import EVAL, TEST, Candidate, candidate, conclude
from trainer.evaluation.worst import write_worst
from trainer.pipeline.step import Context
from trainer.vision.data import Pictures
from trainer.vision.evaluate import heatmap_hit_rate


@dataclass(frozen=True)
class Question:
    """What every model is asked: `pictures` by split, what is `known` of them, and the recipe they are judged by.

    `told` hears how many more pictures a model has answered.
    """

    recipe: Recipe
    cost: Cost | None
    pictures: Mapping[str, Pictures]
    known: Mapping[str, Answers]
    told: Callable[[int], None]


@dataclass(frozen=True)
class Judged:
    """One model's answers and its heatmaps (n, rows, columns) of the test pictures."""

    candidate: Candidate
    heatmaps: npt.NDArray[np.float32]


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
    module: str = "",
) -> dict[str, Any]:
    """Measure on the test split with thresholds from the eval split; bless or not, with reasons.

    Without an eval split the thresholds come from the test split too, which flatters the recall, and is said; the AUROC
    needs no threshold and stays what it is.

    Writes the ModelEvaluation (`metrics.json`, the answers in `predictions.json`, TFMA's files in `tfma/`, pictures of
    the worst errors in `errors/`) and the ModelBlessing (a file BLESSED or NOT_BLESSED that names the model's digest).
    `module` is the user's own file: the graph that it made and that will serve is asked, and its `metrics` stand in
    `metrics.json` under `own`.
    """
    wanted, asked = Recipe.model_validate(recipe), EvaluatorSettings.model_validate(settings)
    pictures = {split: load_pictures(examples, transform_graph, split, wanted) for split in (EVAL, TEST)}
    known = {split: _known(examples, split, pictures[split], wanted) for split in (EVAL, TEST)}
    compared = baseline is not None and _comparable(baseline, wanted)
    count = sum(map(len, pictures.values())) * (2 if compared else 1)
    question = Question(wanted, cost_of(asked.cost), pictures, known, _counted(count, context))
    judged = judge(model, question, built=not module)
    former = None
    if baseline is not None and compared:
        former = judge_former(baseline, question, baseline_name)
    found = conclude(judged.candidate, former, wanted, asked, baseline_name)
    more: dict[str, Any] = {"heatmap_hit_rate": _hit_rate(judged, pictures[TEST])}
    if len(pictures[TEST]):
        test = pictures[TEST]
        shown = {"heatmaps": test.within(judged.heatmaps), "masks": test.within(test.masks), "masked": test.masked}
        more["own"] = own_figures(module, judged.candidate.test, shown)
        context.progress("slices", None)
        more["slices"] = slices_by_tfma(judged.candidate.test, evaluation / "tfma")
        more["worst"] = write_worst(pictures[TEST], judged.candidate, judged.heatmaps, wanted, evaluation / "errors")
    return write_outcome(model.name, judged.candidate, found, more, evaluation, blessing)


def _counted(count: int, context: Context) -> Callable[[int], None]:
    """Return what hears of answers and tells the share of `count` that is there."""
    done = 0

    def told(more: int) -> None:
        nonlocal done
        done += more
        context.progress(f"{done} of {count} answers", done / count)

    return told


def judge(model: Path, question: Question, built: bool = True) -> Judged:
    """Let a model answer; temperature and thresholds come from the eval pictures only, where there are any.

    The network is `built` from the recipe, which answers many pictures at once, or is the SavedModel.
    """
    if not built:
        return _judged(question, _by_saved_model(model, question))
    from trainer.vision.export import WEIGHTS
    from trainer.vision.network import build
    from trainer.vision.predict import predict
    from trainer.vision.weights import load_weights

    network = build(Recipe.model_validate_json((model / RECIPE).read_text(encoding="utf-8")))
    load_weights(network, model / WEIGHTS)
    return _judged(question, lambda images: predict(network, images, question.told))


def judge_former(model: Path, question: Question, name: str) -> Candidate:
    """Let a former model answer by its SavedModel, which no change of the network's code can touch."""
    return _judged(question, _by_saved_model(model, question), name).candidate


def _by_saved_model(model: Path, question: Question) -> Callable[[npt.NDArray[np.uint8]], Any]:
    from trainer.vision.export import SAVED_MODEL
    from trainer.vision.predict import predict_saved

    return lambda images: predict_saved(model / SAVED_MODEL, images, question.told)


def _judged(question: Question, answers: Callable[[npt.NDArray[np.uint8]], Any], name: str = "") -> Judged:
    nothing = np.zeros((0, len(question.recipe.labels.names)), np.float32)
    heatmaps, logits = np.zeros((0, 1, 1), np.float32), dict.fromkeys((EVAL, TEST), nothing)
    for split, pictures in question.pictures.items():
        if len(pictures):
            outputs = answers(pictures.images)
            logits[split] = outputs.logits
            heatmaps = outputs.heatmaps if split == TEST else heatmaps
    return Judged(candidate(logits, question.known, question.recipe, question.cost, name), heatmaps)


def _known(examples: Path, split: str, pictures: Pictures, recipe: Recipe) -> Answers:
    """Return what is known of a split: parts, labels, names, digests, and the columns to slice by."""
    table = columns(examples, split)
    found = {name: [value.decode() for value in table[name]] for name in SLICED if name in table}
    names, digests = (tuple(value.decode() for value in table[name]) for name in ("name", "sha256"))
    slices = {name: values for name, values in found.items() if any(values)}
    nothing = np.zeros((len(pictures), len(recipe.labels.names)))
    return Answers(tuple(pictures.parts), pictures.labels, nothing, names, digests, slices)


def _hit_rate(judged: Judged, test: Pictures) -> float:
    if not len(test):
        return math.nan
    known = (test.labels > 0) & test.masked.astype(bool)
    heatmaps, masks = ([test.shown(one, n) for n, one in enumerate(maps)] for maps in (judged.heatmaps, test.masks))
    return heatmap_hit_rate(heatmaps, masks, known)


def _comparable(baseline: Path, recipe: Recipe) -> bool:
    """Say whether a former model takes the same pictures and knows the same labels."""
    former = Recipe.model_validate_json((baseline / RECIPE).read_text(encoding="utf-8"))
    return _asked(former) == _asked(recipe)


def _asked(recipe: Recipe) -> tuple[Any, ...]:
    network, camera = recipe.network, recipe.camera
    return network.height, network.width, network.fit, camera.colour, camera.crop, recipe.labels
