"""TensorFlow Model Analysis on ready predictions: metrics overall and by slice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

_METRICS = ("AUC", "BinaryAccuracy", "Precision", "Recall", "ExampleCount")
OVERALL = "overall"


def analyse(
    scores: npt.NDArray[Any], defective: npt.NDArray[Any], slices: Mapping[str, Sequence[str]], folder: Path
) -> dict[str, dict[str, float]]:
    """Compute TFMA's metrics of binary `scores` (n,) against `defective` (n,), overall and by each slice column.

    TFMA's own output is written to `folder`. Returns metrics by slice name ("overall", "exposure=3", …); metrics that
    are not defined on a slice are left out. Beam runs in memory: predictions are small.
    """
    import apache_beam as beam
    import pandas as pd
    import pyarrow as pa
    import tensorflow_model_analysis as tfma
    from tfx_bsl.arrow import table_util

    from trainer.beam.in_memory import InMemoryRunner

    table = pd.DataFrame({"prediction": scores, "label": defective.astype("float32"), **slices})
    batch = table_util.CanonicalizeRecordBatch(pa.RecordBatch.from_pandas(table))
    config = _config(tfma, slices)
    with beam.Pipeline(runner=InMemoryRunner()) as pipeline:
        _ = (
            pipeline
            | beam.Create([batch])
            | tfma.ExtractEvaluateAndWriteResults(eval_config=config, output_path=str(folder))
        )
    found = tfma.load_eval_result(str(folder)).slicing_metrics
    made = {_slice_name(key): _plain(metrics) for key, metrics in sorted(found, key=lambda pair: str(pair[0]))}
    for name in made.keys() - _with_both_kinds(defective, slices):
        made[name].pop("auc", None)
    return made


def _with_both_kinds(defective: npt.NDArray[Any], slices: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the slices in which there is something to rank; TFMA gives the others an AUC of 0."""
    kinds: dict[str, set[bool]] = {OVERALL: set(map(bool, defective))}
    for attribute, values in slices.items():
        for value, kind in zip(values, defective, strict=True):
            kinds.setdefault(f"{attribute}={value}", set()).add(bool(kind))
    return {name for name, found in kinds.items() if len(found) == 2}


def _config(tfma: Any, slices: Mapping[str, Sequence[str]]) -> Any:
    return tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(prediction_key="prediction", label_key="label")],
        metrics_specs=[tfma.MetricsSpec(metrics=[tfma.MetricConfig(class_name=name) for name in _METRICS])],
        slicing_specs=[tfma.SlicingSpec(), *(tfma.SlicingSpec(feature_keys=[name]) for name in slices)],
    )


def _slice_name(key: tuple[Any, ...]) -> str:
    if not key:
        return OVERALL
    return ",".join(f"{name}={value.decode() if isinstance(value, bytes) else value}" for name, value in key)


def _plain(metrics: Any) -> dict[str, float]:
    """Take TFMA's nested result apart: output name -> sub key -> metric -> {"doubleValue": …}."""
    values: dict[str, float] = {}
    for name, value in metrics[""][""].items():
        number = value.get("doubleValue", math.nan)
        if isinstance(number, int | float) and math.isfinite(number):
            values[name] = float(number)
    return values
