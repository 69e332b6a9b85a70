"""The trained model as one graph of numbers: the transform and the network, all of it constants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from trainer.tabular.graph import TransformGraph
from trainer.tabular.network import answers_of

SIGNATURE, SAVED_MODEL = "serving_default", "saved_model"


def export(model: keras.Model, transform: TransformGraph, folder: Path) -> Path:
    """Write `folder`/saved_model and return its path.

    Its signature takes `row` float32 [n, columns] as the input contract says, and gives `logits` [n, classes] and what
    else the network names. Nothing is a variable: the TFLite converter aborts on those of Keras 3.
    """
    servable = transform.servable()
    spec = tf.TensorSpec((None, transform.contract.shape[1]), tf.float32, name="row")

    def whole(row: Any) -> dict[str, Any]:
        return {name: tf.cast(value, tf.float32) for name, value in answers_of(model, servable(row), False).items()}

    concrete = tf.function(whole, autograph=False).get_concrete_function(spec)
    frozen = convert_variables_to_constants_v2(concrete)
    graph, names = frozen.graph.as_graph_def(), sorted(concrete.structured_outputs)
    outputs = [tensor.name for tensor in frozen.outputs]
    (entry,) = [tensor.name for tensor in frozen.inputs]

    def serve(row: Any) -> dict[str, Any]:
        made = tf.graph_util.import_graph_def(graph, {entry: row}, outputs, name="model")
        return dict(zip(names, made, strict=True))

    module = tf.Module()
    module.serve = tf.function(serve, input_signature=[spec], autograph=False)
    tf.saved_model.save(module, str(folder / SAVED_MODEL), signatures={SIGNATURE: module.serve})
    return folder / SAVED_MODEL


class Served:
    """An exported model, asked for whole tables."""

    def __init__(self, folder: Path) -> None:
        self._loaded = tf.saved_model.load(str(folder / SAVED_MODEL))

    def __call__(self, rows: Any) -> dict[str, Any]:
        """Return the outputs for rows (n, columns) float32."""
        answer = self._loaded.signatures[SIGNATURE](row=tf.constant(rows, tf.float32))
        return {name: value.numpy() for name, value in answer.items()}
