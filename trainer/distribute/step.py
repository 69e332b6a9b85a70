"""Training on several replicas of a Keras model: what one device would have learned from the whole batch.

Keras 3's own `fit` does not train with several workers. Here every replica takes its share of a batch, the gradients
are added up over all of them, and only then clipped and applied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from edge_agent.contracts.errors import ConfigError, Unavailable
from trainer.distribute.batches import share_of
from trainer.distribute.cluster import LOST
from trainer.distribute.strategy import Devices

Losses = npt.NDArray[np.float32]


def spread(
    model: Any, optimiser: Any, row_losses: Callable[[Any], Any], devices: Devices
) -> Callable[[npt.NDArray[np.int64]], Losses]:
    """Return what trains on the rows whose places it is given, (steps, batch), and returns each step's loss.

    `row_losses` takes places of rows and returns each row's loss, weighted. Raises ConfigError for a batch of less rows
    than replicas, and as `together` does.
    """

    def share(places: Any, whole: Any) -> Any:
        return tf.stack([tf.reduce_sum(row_losses(places)) / tf.cast(whole, tf.float32)])

    step = together(model, optimiser, share, devices)

    def run(order: npt.NDArray[np.int64]) -> Losses:
        if order.shape[1] < devices.replicas:
            raise ConfigError(f"a batch of {order.shape[1]} rows for {devices.replicas} replicas; give each at least 1")

        def loss(rows: npt.NDArray[np.int64]) -> Any:
            return step(lambda replica: tf.constant(share_of(rows, replica, devices.replicas)), len(rows))[0]

        return np.asarray([loss(rows) for rows in order], np.float32)

    return run


def together(
    model: Any, optimiser: Any, share: Callable[[Any, Any], Any], devices: Devices
) -> Callable[[Callable[[int], Any], int], Any]:
    """Return one step of all replicas. It is given `deal` and how many rows the whole batch has.

    `deal` takes a replica's number and returns its part of the batch; `share` takes such a part and the size of the
    whole, and returns values (n,) that the replicas' sums are returned of; the first one is made smaller. Model and
    optimiser were made in the scope of the strategy. Raises Unavailable where another worker is lost.
    """
    clip = _clipping(optimiser)

    def on_replica(part: Any, whole: Any) -> Any:
        with tf.GradientTape() as tape:
            values = share(part, whole)
            loss = values[0]
        zero = tf.UnconnectedGradients.ZERO
        gradients = [tf.convert_to_tensor(each) for each in tape.gradient(loss, model.trainable_variables, None, zero)]
        context = tf.distribute.get_replica_context()
        values, *gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, [values, *gradients])
        # The optimiser adds up what the replicas give it: each gives its part of the sum.
        parts = [gradient / devices.replicas for gradient in clip(gradients)]
        optimiser.apply_gradients(zip(parts, model.trainable_variables, strict=True))
        return values

    compiled = tf.function(
        lambda part, whole: devices.strategy.run(on_replica, args=(part, whole)),
        autograph=False,
        reduce_retracing=True,
    )

    def step(deal: Callable[[int], Any], whole: int) -> Any:
        dealt = devices.strategy.experimental_distribute_values_from_function(
            lambda context: deal(context.replica_id_in_sync_group)
        )
        try:
            found = compiled(dealt, tf.constant(whole))
        except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
            raise Unavailable(f"{LOST} while training; run again to go on from the last checkpoint") from error
        return devices.strategy.experimental_local_results(found)[0]

    return step


def _clipping(optimiser: Any) -> Callable[[list[Any]], list[Any]]:
    """Take the clipping by the norm of all gradients from the optimiser, which would clip parts of the sum."""
    limit, optimiser.global_clipnorm = optimiser.global_clipnorm, None

    def clip(gradients: list[Any]) -> list[Any]:
        return gradients if limit is None else list(tf.clip_by_global_norm(gradients, limit)[0])

    return clip
