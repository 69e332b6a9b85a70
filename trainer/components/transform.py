"""Transform: TensorFlow Transform's graph, one for training and serving: label to number, quality measures scaled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.quality import QUALITY_FEATURES
from trainer.data.picture_columns import columns
from trainer.pipeline.step import Context

LABEL, QUALITY = "label", "quality"


def transform(
    examples: Path,
    anomalies: Path,
    transform_graph: Path,
    labels: Sequence[str],
    context: Context,
    beam: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Analyse the training split and write the TransformGraph.

    `label` becomes its place in `labels` (-1 for any other), the quality measures one vector of z-scores. `anomalies`
    is there because data that was not blessed is not analysed. `beam` names the runner that analyses.
    """
    from trainer.beam.tft_in_memory import analyse

    context.progress("analysing the training split", None)
    analyse(
        preprocessing(labels),
        columns(examples, "train"),
        _spec(),
        transform_graph,
        where=beam if beam.get("runner") else None,
    )


def preprocessing(labels: Sequence[str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return TFT's preprocessing_fn for the recipe's labels, in their order."""

    def preprocessing_fn(features: dict[str, Any]) -> dict[str, Any]:
        import tensorflow as tf
        import tensorflow_transform as tft

        with tf.init_scope():
            places = tf.range(len(labels), dtype=tf.int64)
            known = tf.lookup.KeyValueTensorInitializer(tf.constant(list(labels)), places)
            table = tf.lookup.StaticHashTable(known, default_value=-1)
        measures = tf.stack([features[name] for name in QUALITY_FEATURES], axis=1)
        return {LABEL: table.lookup(features[LABEL]), QUALITY: tft.scale_to_z_score(measures, elementwise=True)}

    return preprocessing_fn


def apply(transform_graph: Path, table: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Run the saved graph over columns of Examples; returns `label` (n,) int64 and `quality` (n, measures) float32."""
    import tensorflow as tf
    import tensorflow_transform as tft

    layer = tft.TFTransformOutput(str(transform_graph)).transform_features_layer()
    raw = {name: tf.constant(np.asarray(table[name]), dtype=spec.dtype) for name, spec in _spec().items()}
    found = layer(raw)
    return {LABEL: found[LABEL].numpy(), QUALITY: found[QUALITY].numpy()}


def _spec() -> dict[str, Any]:
    import tensorflow as tf

    measures = {name: tf.io.FixedLenFeature([], tf.float32) for name in QUALITY_FEATURES}
    return {LABEL: tf.io.FixedLenFeature([], tf.string), **measures}
