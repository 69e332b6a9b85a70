"""Evaluator of tables: the graph that will serve, on parts it never saw, against the latest blessed one."""

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
from edge_agent.contracts.row import RowContract
from edge_agent.contracts.scores import defect_probability, probabilities
from trainer.components import blessing as rules
from trainer.components.tfma_metrics import analyse
from trainer.pipeline.step import Context
from trainer.tabular.contract import FILE, inputs_of
from trainer.tabular.examples import read_columns, read_split
from trainer.tabular.features import label_places
from trainer.tabular.importance import importances
from trainer.tabular.module import METRICS as OWN_METRICS
from trainer.tabular.module import OwnCode
from trainer.tabular.values import LABEL, PART, Typed
from trainer.vision import evaluate

METRICS, RECIPE = "metrics.json", "recipe.json"
BLESSED, NOT_BLESSED = "BLESSED", "NOT_BLESSED"
_ALONE = "split.eval is 0: the thresholds come from the parts that they are judged on"
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """A split's rows, the class index (n,) and part of each."""

    table: Typed
    labels: npt.NDArray[np.int64]
    parts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Judged:
    """One model's answers to the test rows, calibrated on the evaluation rows: class shares (n, classes) and parts."""

    classes: Floats
    parts: PartScores
    temperature: float
    thresholds: ThresholdPair

    @property
    def rows(self) -> Floats:
        """The probability of any defect of each row."""
        return defect_probability(self.classes)


def table_evaluator(
    examples: Path,
    model: Path,
    baseline: Path | None,
    evaluation: Path,
    blessing: Path,
    recipe: Mapping[str, Any],
    baseline_name: str,
    module: str,
    context: Context,
) -> dict[str, Any]:
    """Measure on the test split with thresholds from the eval split; bless or not, with reasons.

    Writes the ModelEvaluation (`metrics.json`, TFMA's files in `tfma/`) and the ModelBlessing (a file BLESSED or
    NOT_BLESSED that names the model's digest), as the Evaluator of pictures does.
    """
    settings = Recipe.model_validate(recipe)
    chosen, test = (_split(examples, name, settings) for name in ("eval", "test"))
    context.progress(f"{len(test)} test rows", None)
    alone = not len(chosen)
    judged = judge(model, settings, test if alone else chosen, test)
    measured = measure(judged)
    changed = None
    if baseline is not None and _comparable(baseline, test, settings):
        former = judge(baseline, settings, test if alone else chosen, test)
        changed = rules.change(judged.parts.scores, former.parts.scores, judged.parts.defective, baseline_name)
    decision = rules.decide(measured, changed, settings.blessing)
    metrics = _metrics(judged, test, measured, settings)
    metrics["change"] = asdict(changed) if changed else None
    metrics["blessed"], metrics["reasons"] = decision.blessed, list(decision.reasons)
    metrics["remarks"] = [*decision.remarks, *([_ALONE] if alone else [])]
    metrics["own"] = _own_metrics(module, judged, test)
    if len(test):
        context.progress("which columns matter", None)
        metrics["importance"] = importances(model, test.table, test.parts, test.labels, settings, judged.temperature)
        context.progress("slices", None)
        metrics["slices"] = analyse(judged.rows, test.labels > 0, _slices(examples, test), evaluation / "tfma")
    (evaluation / METRICS).write_text(json.dumps(_finite(metrics), indent=1), encoding="utf-8")
    (blessing / (BLESSED if decision.blessed else NOT_BLESSED)).write_text(f"{model.name}\n", encoding="utf-8")
    short = {name: value for name, value in _finite(asdict(measured)).items() if value is not None}
    said = list(decision.reasons or metrics["remarks"])
    return {"evaluation": short, "blessing": {"blessed": int(decision.blessed), "reasons": said}}


def _split(examples: Path, name: str, recipe: Recipe) -> Split:
    table = read_split(examples, name)
    return Split(table, label_places(table.texts[LABEL], recipe.labels.names), tuple(table.texts[PART]))


def judge(model: Path, recipe: Recipe, chosen: Split, test: Split) -> Judged:
    """Let a model answer by its serving graph; temperature and thresholds come from the `chosen` rows only."""
    from trainer.tabular.export import Served

    served = Served(model)
    contract = RowContract.model_validate_json((model / FILE).read_bytes())

    def logits(split: Split) -> npt.NDArray[np.float32]:
        empty = np.zeros((0, len(recipe.labels.names)), np.float32)
        return np.asarray(served(inputs_of(split.table, contract))["logits"], np.float32) if len(split) else empty

    held = logits(chosen)
    temperature = fit_temperature(held, chosen.labels)
    scores = defect_probability(_shares(held, temperature))
    parts = join_parts(scores, chosen.parts, chosen.labels, recipe.views.combine)
    thresholds = choose_thresholds(parts.scores, parts.defective, recipe.thresholds)
    shares = _shares(logits(test), temperature)
    joined = join_parts(defect_probability(shares), test.parts, test.labels, recipe.views.combine)
    return Judged(shares, joined, temperature, thresholds)


def _shares(logits: npt.NDArray[np.float32], temperature: float) -> Floats:
    return probabilities(logits, temperature) if len(logits) else np.zeros(logits.shape)


def measure(judged: Judged) -> rules.Measured:
    """Measure per part on the test split."""
    parts, thresholds = judged.parts, judged.thresholds
    rates = evaluate.rates(parts.scores, parts.defective, thresholds.accept_below, thresholds.reject_above)
    low, high = rules.interval(parts.scores, parts.defective)
    value = evaluate.auroc(parts.scores, parts.defective)
    return rules.Measured(value, low, high, rates.recall, rates.defective, rates.good)


def _metrics(judged: Judged, test: Split, measured: rules.Measured, recipe: Recipe) -> dict[str, Any]:
    parts, thresholds, names = judged.parts, judged.thresholds, recipe.labels.names
    said = judged.classes.argmax(axis=1).astype(np.int64) if len(test) else np.zeros(0, np.int64)
    rates = evaluate.rates(parts.scores, parts.defective, thresholds.accept_below, thresholds.reject_above)
    return {
        "part": asdict(measured),
        "frame_auroc": evaluate.auroc(judged.rows, test.labels > 0),
        "frame_accuracy": float((said == test.labels).mean()) if len(test) else math.nan,
        "heatmap_hit_rate": None,
        "temperature": judged.temperature,
        "thresholds": thresholds.model_dump(mode="json"),
        "rates": asdict(rates),
        "confusion": evaluate.confusion(test.labels, said, len(names)).tolist(),
        "labels": list(names),
        "part_scores": [
            [p, float(s), bool(d)] for p, s, d in zip(parts.parts, parts.scores, parts.defective, strict=True)
        ],
    }


def _own_metrics(module: str, judged: Judged, test: Split) -> dict[str, float]:
    """Return the user's Keras metrics of the test rows: class index against class probabilities."""
    function = OwnCode(module).function(OWN_METRICS, 0)
    if function is None or not len(test):
        return {}
    from edge_agent.contracts.errors import Rejected
    from trainer.tabular.module import told

    found: dict[str, float] = {}
    for metric in function():
        if not hasattr(metric, "update_state") or not hasattr(metric, "result"):
            raise Rejected(f"metrics: found {type(metric).__name__}, expected a list of keras.metrics.Metric")
        with told(Path(module), f"metric {metric.name}"):
            metric.update_state(test.labels, judged.classes)
            found[str(metric.name)] = float(metric.result())
    return found


def _slices(examples: Path, test: Split) -> dict[str, list[str]]:
    """Columns to slice by, where they differ."""
    found = {n: [text or "unknown" for text in test.table.texts[n]] for n in read_columns(examples)["slices"]}
    return {name: values for name, values in found.items() if len(set(values)) > 1}


def _comparable(baseline: Path, test: Split, recipe: Recipe) -> bool:
    """Say whether a former model knows the same labels and takes columns that these rows have."""
    if not (baseline / FILE).is_file():
        return False
    former = Recipe.model_validate_json((baseline / RECIPE).read_text(encoding="utf-8"))
    contract = RowContract.model_validate_json((baseline / FILE).read_bytes())
    there = {c.name in (test.table.numbers if c.kind == "number" else test.table.texts) for c in contract.columns}
    return former.labels == recipe.labels and there == {True}


def _finite(value: Any) -> Any:
    """JSON has no NaN: what is not defined becomes null."""
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
