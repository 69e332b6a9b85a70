"""The curve of a training as TensorBoard reads it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf


class EventLog:
    """Writes one event file below a folder; `tensorboard --logdir FOLDER` shows it."""

    def __init__(self, folder: Path) -> None:
        self._writer = tf.summary.create_file_writer(str(folder))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Write the finite values of a step at once, so that a killed training has its curve."""
        with self._writer.as_default(step=step):
            for name, value in values.items():
                if math.isfinite(value):
                    tf.summary.scalar(name, value)
        self._writer.flush()
