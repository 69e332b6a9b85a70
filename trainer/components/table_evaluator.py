"""Evaluator of tables: the graph that will serve, on parts it never saw, against the latest blessed one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.row import RowContract
from trainer.evaluation import verdict
from trainer.evaluation.settings import EvaluatorSettings
from trainer.evaluation.verdict import Judged, Truth
from trainer.pipeline.step import Context
from trainer.tabular.contract import FILE, inputs_of
from trainer.tabular.examples import read_columns, read_split
from trainer.tabular.features import label_places
from trainer.tabular.importance import importances
from trainer.tabular.module import METRICS as OWN_METRICS
from trainer.tabular.module import OwnCode
from trainer.tabular.values import LABEL, PART, Typed

RECIPE = "recipe.json"
SPLITS = ("eval", "test")


@dataclass(frozen=True)
class Question:
    """What every model is asked: the rows of both splits, and the truth of each."""

    recipe: Recipe
    asked: EvaluatorSettings
    tables: Mapping[str, Typed]
    truth: Mapping[str, Truth]


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

    Writes the ModelEvaluation (`metrics.json`, the answers in `predictions.json`, TFMA's files in `tfma/`) and the
    ModelBlessing (a file BLESSED or NOT_BLESSED that names the model's digest), as the Evaluator of pictures does.
    """
    wanted, asked = Recipe.model_validate(recipe), EvaluatorSettings.model_validate(settings)
    tables = {split: read_split(examples, split) for split in SPLITS}
    sliced = read_columns(examples)["slices"]
    question = Question(wanted, asked, tables, {split: _truth(tables[split], sliced, wanted) for split in SPLITS})
    test = question.truth["test"]
    context.progress(f"{len(test.labels)} test rows", None)
    judged = judge(model, question)
    former = None
    if baseline is not None and _comparable(baseline, tables["test"], wanted):
        former = judge(baseline, question)
    said = verdict.pronounce(judged, former, baseline_name, wanted, asked)
    said.metrics["own"] = _own_metrics(module, judged)
    if len(test.labels):
        context.progress("which columns matter", None)
        said.metrics["importance"] = importances(
            model, tables["test"], test.parts, test.labels, wanted, judged.temperature
        )
        context.progress("slices", None)
        said.metrics["slices"] = verdict.slices_by_tfma(judged, evaluation / "tfma")
    return verdict.write_verdict(judged, said, model.name, evaluation, blessing)


def judge(model: Path, question: Question) -> Judged:
    """Let a model answer by its serving graph."""
    from trainer.tabular.export import Served

    served = Served(model)
    contract = RowContract.model_validate_json((model / FILE).read_bytes())

    def logits(split: str) -> npt.NDArray[np.float32]:
        if not len(question.truth[split].labels):
            return np.zeros((0, len(question.recipe.labels.names)), np.float32)
        return np.asarray(served(inputs_of(question.tables[split], contract))["logits"], np.float32)

    return verdict.judge({split: logits(split) for split in SPLITS}, question.truth, question.recipe, question.asked)


def _truth(table: Typed, sliced: list[str], recipe: Recipe) -> Truth:
    labels = label_places(table.texts[LABEL], recipe.labels.names)
    attributes = {name: list(table.texts[name]) for name in sliced}
    return Truth(tuple(table.texts[PART]), labels, attributes=attributes)


def _own_metrics(module: str, judged: Judged) -> dict[str, float]:
    """Return the user's Keras metrics of the test rows: class index against class probabilities."""
    function = OwnCode(module).function(OWN_METRICS, 0)
    if function is None or not len(judged.test):
        return {}
    from edge_agent.contracts.errors import Rejected
    from trainer.tabular.module import told

    found: dict[str, float] = {}
    for metric in function():
        if not hasattr(metric, "update_state") or not hasattr(metric, "result"):
            raise Rejected(f"metrics: found {type(metric).__name__}, expected a list of keras.metrics.Metric")
        with told(Path(module), f"metric {metric.name}"):
            metric.update_state(judged.test.labels, judged.test.probabilities)
            found[str(metric.name)] = float(metric.result())
    return found


def _comparable(baseline: Path, test: Typed, recipe: Recipe) -> bool:
    """Say whether a former model knows the same labels and takes columns that these rows have."""
    if not (baseline / FILE).is_file():
        return False
    former = Recipe.model_validate_json((baseline / RECIPE).read_text(encoding="utf-8"))
    contract = RowContract.model_validate_json((baseline / FILE).read_bytes())
    there = {c.name in (test.numbers if c.kind == "number" else test.texts) for c in contract.columns}
    return former.labels == recipe.labels and there == {True}
