"""Which devices a training uses, as `tf.distribute` calls it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

import tensorflow as tf

from trainer.distribute.cluster import VARIABLE, parse_cluster

Kind = Literal["none", "mirrored", "multi-worker"]


@dataclass(frozen=True)
class Devices:
    """A `tf.distribute.Strategy`; `chief` says whether this process writes checkpoints and the model."""

    strategy: Any
    chief: bool = True

    @property
    def replicas(self) -> int:
        """How many copies of the model train, over all processes."""
        return int(self.strategy.num_replicas_in_sync)


def devices_of(kind: Kind) -> Devices:
    """Return the devices: `none` is one, `mirrored` all of this machine (its GPUs, or its logical CPUs),
    `multi-worker` those of all workers that TF_CONFIG names; it waits until they are there.

    It must be called before TensorFlow did anything else. Raises ConfigError for a bad TF_CONFIG.
    """
    if kind == "mirrored":
        found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return Devices(tf.distribute.MirroredStrategy([device.name for device in found]))
    if kind == "multi-worker":
        cluster = parse_cluster(os.environ.get(VARIABLE, ""))
        return Devices(tf.distribute.MultiWorkerMirroredStrategy(), cluster.chief)
    return Devices(tf.distribute.get_strategy())
