"""TensorFlow Transform's analysis of a table that fits into memory; the graph is the one that Beam would write."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils
from tfx_bsl.tfxio import tensor_adapter, tensor_representation_util

from trainer.beam.in_memory import InMemoryRunner
from trainer.beam.pipelines import pipeline_with

Preprocessing = Callable[[dict[str, Any]], dict[str, Any]]
Columns = Mapping[str, npt.NDArray[Any] | Sequence[Any]]
_BATCH = 512
"""Rows a batch: sums are made in float32, and lose less in small pieces."""
_ARROW = {tf.float32: pa.float32(), tf.int64: pa.int64(), tf.string: pa.large_binary()}


def analyse(
    preprocessing_fn: Preprocessing,
    columns: Columns,
    spec: Mapping[str, Any],
    graph: Path,
    runner: Any | None = None,
    where: Mapping[str, Any] | None = None,
) -> None:
    """Run the preprocessing function's analyzers over the columns and write the transform graph to the folder `graph`.

    `columns` hold one value a row, None where it is missing; `spec` is the feature spec that names them (FixedLen of
    shape [] or VarLen). `runner` is a Beam runner to do it with instead; `where` names one that
    `pipeline_with` builds, of another machine or many.
    """
    schema = schema_utils.schema_from_feature_spec(dict(spec))
    batch = _record_batch(columns, spec)
    representations = tensor_representation_util.InferTensorRepresentationsFromSchema(
        dataset_metadata.DatasetMetadata(schema).schema
    )
    config = tensor_adapter.TensorAdapterConfig(batch.schema, representations)
    with (
        tempfile.TemporaryDirectory() as scratch,
        pipeline_with(where) if where else beam.Pipeline(runner=runner or InMemoryRunner()) as pipeline,
        tft_beam.Context(temp_dir=scratch),
    ):
        batches = [batch.slice(begin, _BATCH) for begin in range(0, batch.num_rows, _BATCH)] or [batch]
        data = (pipeline | beam.Create(batches, reshuffle=False), config)
        _ = data | tft_beam.AnalyzeDataset(preprocessing_fn) | tft_beam.WriteTransformFn(str(graph))


def _record_batch(columns: Columns, spec: Mapping[str, Any]) -> Any:
    """Return the columns that `spec` names as lists of no or one value a row, as Examples are read."""
    arrays = [_lists(columns[name], _ARROW[feature.dtype]) for name, feature in spec.items()]
    return pa.RecordBatch.from_arrays(arrays, list(spec))


def _lists(values: npt.NDArray[Any] | Sequence[Any], kind: Any) -> Any:
    if isinstance(values, np.ndarray) and values.dtype != object:
        there = np.ones(len(values), bool)
        found = pa.array(values, type=kind)
    else:
        there = np.asarray([value is not None for value in values], bool)
        found = pa.array([value for value in values if value is not None], type=kind)
    offsets = np.concatenate([[0], np.cumsum(there)]).astype(np.int64)
    return pa.LargeListArray.from_arrays(pa.array(offsets), found)
