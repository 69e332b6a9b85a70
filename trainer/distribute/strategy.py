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

    def agreed(self, value: float) -> float:
        """Return the chief's value: what is decided by a number must be decided by the same one everywhere."""
        if not isinstance(self.strategy, tf.distribute.MultiWorkerMirroredStrategy):
            return value
        mine = tf.constant([value if self.chief else 0.0], tf.float64)
        told = self.strategy.run(_added_up, args=(mine,))
        return float(self.strategy.experimental_local_results(told)[0][0]) / len(self.strategy.extended.worker_devices)


def _added_up(value: Any) -> Any:
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)


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
