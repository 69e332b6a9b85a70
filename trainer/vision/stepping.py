"""The step of a training on pictures, on one device or shared out over several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from edge_agent.contracts.errors import ConfigError
from trainer.distribute.batches import place_of
from trainer.distribute.step import together
from trainer.distribute.strategy import Devices
from trainer.vision.loss import losses

Step = Callable[[dict[str, Any]], Any]


def step_of(model: keras.Model, optimiser: Any, weights: Any, devices: Devices, batch: int) -> Step:
    """Return the training step: a batch of `batch` pictures in, the losses (total, classes, place) out.

    `weights` (classes,) are those of the classes. On several devices the statistics of batch normalisation are those of
    the whole batch, so that the network learns what it would on one. Raises ConfigError where a device would get no
    picture.
    """
    if devices.replicas == 1:
        return _alone(model, optimiser, weights)
    if batch < devices.replicas:
        raise ConfigError(
            f"batches of {batch} pictures for {devices.replicas} replicas; give each at least 1 (network.batch)"
        )
    for layer in layers_of(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True

    def share(part: dict[str, Any], whole: Any) -> Any:
        return _losses(model, part, weights) * tf.cast(tf.shape(part["labels"])[0] / whole, tf.float32)

    step = together(model, optimiser, share, devices)

    def dealt(pictures: dict[str, Any]) -> Any:
        count = len(pictures["labels"])

        def part(replica: int) -> dict[str, Any]:
            place = place_of(count, replica, devices.replicas)
            return {name: values[place] for name, values in pictures.items()}

        return step(part, count)

    return dealt


def _alone(model: keras.Model, optimiser: Any, weights: Any) -> Step:
    def step(batch: dict[str, Any]) -> Any:
        with tf.GradientTape() as tape:
            found = _losses(model, batch, weights)
            total = found[0]
        gradients = tape.gradient(total, model.trainable_variables)
        optimiser.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return found

    compiled: Step = tf.function(step, autograph=False)
    return compiled


def _losses(model: keras.Model, batch: dict[str, Any], weights: Any) -> Any:
    images, masks = tf.cast(batch["images"], tf.float32), tf.cast(batch["masks"], tf.float32)
    found = losses(model(images, training=True), batch["labels"], masks, batch["masked"], weights)
    return tf.stack([found.total, found.classes, found.place])


def layers_of(model: keras.Model) -> Iterator[Any]:
    """Yield the layers of a network and of the networks in it."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)
        else:
            yield layer


def reseed(model: keras.Model, seed: int, epoch: int) -> None:
    """Let what is left out in an epoch depend on nothing that a resumed training does not know."""
    for layer in layers_of(model):
        if isinstance(getattr(layer, "seed_generator", None), keras.random.SeedGenerator):
            layer.seed_generator.state.assign([seed, epoch])
