"""Evaluator of tables: the graph that will serve, on parts it never saw, against the latest blessed one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from converter.confidence import Cost
from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.row import RowContract
from trainer.evaluation.answers import Answers
from trainer.evaluation.assessment import cost_of
from trainer.evaluation.outcome import slices_by_tfma, write_outcome
from trainer.evaluation.own import own_figures
from trainer.evaluation.settings import EvaluatorSettings
from trainer.evaluation.verdict import EVAL, TEST, Candidate, candidate, conclude
from trainer.pipeline.step import Context
from trainer.tabular.contract import FILE, inputs_of
from trainer.tabular.examples import read_columns, read_split
from trainer.tabular.features import label_places
from trainer.tabular.importance import importances
from trainer.tabular.values import LABEL, PART, ROW, Typed

RECIPE = "recipe.json"


@dataclass(frozen=True)
class Question:
    """What every model is asked: `rows` by split, what is `known` of them, and the recipe they are judged by."""

    recipe: Recipe
    cost: Cost | None
    rows: Mapping[str, Typed]
    known: Mapping[str, Answers]


def table_evaluator(
    examples: Path,
    model: Path,
    baseline: Path | None,
    evaluation: Path,
    blessing: Path,
    recipe: Mapping[str, Any],
    settings: Mapping[str, Any],
    baseline_name: str,
    module: str,
    context: Context,
) -> dict[str, Any]:
    """Measure on the test split with thresholds from the eval split; bless or not, with reasons.

    Writes what the Evaluator of pictures does, and in `metrics.json` the user's own metrics (`own`) and what the model
    leans on (`importance`).
    """
    wanted, asked = Recipe.model_validate(recipe), EvaluatorSettings.model_validate(settings)
    rows = {split: read_split(examples, split) for split in (EVAL, TEST)}
    known = {split: _known(rows[split], read_columns(examples)["slices"], wanted) for split in (EVAL, TEST)}
    question = Question(wanted, cost_of(asked.cost), rows, known)
    context.progress(f"{len(known[TEST])} test rows", None)
    judged = judge(model, question)
    former = None
    if baseline is not None and _comparable(baseline, rows[TEST], wanted):
        former = judge(baseline, question, baseline_name)
    found = conclude(judged, former, wanted, asked, baseline_name)
    more: dict[str, Any] = {"heatmap_hit_rate": None, "own": own_figures(module, judged.test, {})}
    if len(judged.test):
        more["importance"] = importances(model, rows[TEST], judged, partial(context.progress, "which columns matter"))
        context.progress("slices", None)
        more["slices"] = slices_by_tfma(judged.test, evaluation / "tfma")
    return write_outcome(model.name, judged, found, more, evaluation, blessing)


def _known(table: Typed, slices: list[str], recipe: Recipe) -> Answers:
    """Return what is known of a split before anything is answered."""
    labels = label_places(table.texts[LABEL], recipe.labels.names)
    sliced = {name: table.texts[name].tolist() for name in slices if table.texts[name].any()}
    nothing = np.zeros((len(labels), len(recipe.labels.names)))
    parts, names = (tuple(table.texts[column]) for column in (PART, ROW))
    return Answers(parts, labels, nothing, names, (), sliced)


def judge(model: Path, question: Question, name: str = "") -> Candidate:
    """Let a model answer by its serving graph; temperature and thresholds come from the eval rows."""
    from trainer.tabular.export import Served

    served = Served(model)
    contract = RowContract.model_validate_json((model / FILE).read_bytes())
    logits = {split: _logits(served, inputs_of(table, contract), question) for split, table in question.rows.items()}
    return candidate(logits, question.known, question.recipe, question.cost, name)


def _logits(served: Any, rows: npt.NDArray[np.float32], question: Question) -> npt.NDArray[np.float32]:
    if not len(rows):
        return np.zeros((0, len(question.recipe.labels.names)), np.float32)
    return np.asarray(served(rows)["logits"], np.float32)


def _comparable(baseline: Path, test: Typed, recipe: Recipe) -> bool:
    """Say whether a former model knows the same labels and takes columns that these rows have."""
    if not (baseline / FILE).is_file():
        return False
    former = Recipe.model_validate_json((baseline / RECIPE).read_text(encoding="utf-8"))
    contract = RowContract.model_validate_json((baseline / FILE).read_bytes())
    there = {c.name in (test.numbers if c.kind == "number" else test.texts) for c in contract.columns}
    return former.labels == recipe.labels and there == {True}
