"""One step of training a compiled Keras model, the same on one device and on many.

Keras 3's own `fit` does not train with several workers. Here every replica takes its share of the batch, the gradients
are added up over all of them, and only then clipped and applied: what one device would have done with the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from edge_agent.contracts.errors import ConfigError
from trainer.distribute.batches import share_of
from trainer.distribute.strategy import Devices

Columns = Mapping[str, npt.NDArray[Any]]
_CLIPS = ("clipnorm", "global_clipnorm", "clipvalue")


def training_step(model: Any, devices: Devices) -> Callable[[Columns, Any, Any, Any], float]:
    """Return the step: features by name, labels, weights and the numbers of the batch's rows in; the batch's loss out.

    Raises ConfigError for a model that is not compiled, or whose optimiser scales its loss while there is more than
    one replica.
    """
    optimiser = getattr(model, "optimizer", None)
    if optimiser is None:
        raise ConfigError("build_model returned a model that is not compiled; call its compile(optimizer, loss)")
    if devices.replicas > 1 and isinstance(optimiser, keras.optimizers.LossScaleOptimizer):
        raise ConfigError("a loss scaled for float16 cannot be split; use strategy none, or bfloat16")
    clip = _clipping(optimiser)
    with devices.strategy.scope():
        optimiser.build(model.trainable_variables)

    def on_replica(features: dict[str, Any], labels: Any, weights: Any, whole: Any) -> Any:
        with tf.GradientTape() as tape:
            answers = model(features, training=True)
            loss = model.compute_loss(features, labels, answers, weights)
            # Keras divides a mean by the number of replicas; their shares of the batch may differ by a row.
            share = tf.cast(tf.shape(labels)[0], loss.dtype) / tf.cast(whole, loss.dtype)
            loss = loss * share * devices.replicas
            scaled = optimiser.scale_loss(loss)
        found = tape.gradient(scaled, model.trainable_variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        gradients = [tf.convert_to_tensor(gradient) for gradient in found]
        if devices.replicas > 1:
            context = tf.distribute.get_replica_context()
            loss, *gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, [loss, *gradients])
        # The optimiser adds up what the replicas give it: each gives its part of the sum.
        parts = [gradient / devices.replicas for gradient in clip(gradients)]
        optimiser.apply_gradients(zip(parts, model.trainable_variables, strict=True))
        return loss

    def everywhere(features: dict[str, Any], labels: Any, weights: Any, whole: Any) -> Any:
        return devices.strategy.run(on_replica, args=(features, labels, weights, whole))

    compiled = tf.function(everywhere, reduce_retracing=True)

    def step(features: Columns, labels: Any, weights: Any, rows: Any) -> float:
        given = {name: _dealt(values, rows, devices) for name, values in features.items()}
        loss = compiled(given, _dealt(labels, rows, devices), _dealt(weights, rows, devices), len(rows))
        return float(np.asarray(devices.strategy.experimental_local_results(loss)[0]))

    return step


def _dealt(values: npt.NDArray[Any], rows: Any, devices: Devices) -> Any:
    """Give every replica of this process its share of the rows."""
    if devices.replicas == 1:
        return tf.constant(values[rows])

    def value_of(context: Any) -> Any:
        return tf.constant(values[share_of(rows, context.replica_id_in_sync_group, devices.replicas)])

    return devices.strategy.experimental_distribute_values_from_function(value_of)


def _clipping(optimiser: Any) -> Callable[[list[Any]], list[Any]]:
    """Take the clipping from the optimiser, which would clip parts of the sum, and return it as a function."""
    norm, whole, value = (getattr(optimiser, name, None) for name in _CLIPS)
    for name in _CLIPS:
        setattr(optimiser, name, None)

    def clip(gradients: list[Any]) -> list[Any]:
        if norm:
            return [tf.clip_by_norm(gradient, norm) for gradient in gradients]
        if whole:
            clipped, _ = tf.clip_by_global_norm(gradients, whole)
            return list(clipped)
        if value:
            return [tf.clip_by_value(gradient, -value, value) for gradient in gradients]
        return gradients

    return clip
