"""Batches on their way to the network, made while it trains, and a watch that tells who waits for whom."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from trainer.vision.augment import augment
from trainer.vision.data import Batch

_AT_ONCE = 2
"""Batches that are made side by side, and as many that wait ready; more would take the step's own cores."""


@dataclass(frozen=True)
class Feed:
    """Where batches come from: `make` gives batch number n (from 0, over all epochs), `example` shows its shapes.

    The first `varied` pictures of each batch are varied in the graph, by `seed` and n.
    """

    make: Callable[[int], Batch]
    example: Batch
    varied: int
    seed: int

    def batches(self, first: int, beyond: int) -> tf.data.Dataset:
        """Return the batches `first` to `beyond` - 1 in order, as dictionaries of tensors."""
        numbers = tf.data.Dataset.range(first, beyond)
        made = numbers.map(self._made, num_parallel_calls=_AT_ONCE, deterministic=True)
        varied = made.map(self._varied, num_parallel_calls=_AT_ONCE, deterministic=True)
        return varied.prefetch(_AT_ONCE)

    def _made(self, number: Any) -> tuple[Any, dict[str, Any]]:
        names = list(self.example)
        kinds = [tf.as_dtype(self.example[name].dtype) for name in names]
        tensors = tf.numpy_function(self._in_order, [number], kinds)
        for tensor, name in zip(tensors, names, strict=True):
            tensor.set_shape(self.example[name].shape)
        return number, dict(zip(names, tensors, strict=True))

    def _in_order(self, number: npt.NDArray[np.int64]) -> list[npt.NDArray[Any]]:
        batch = self.make(int(number))
        return [batch[name] for name in self.example]

    def _varied(self, number: Any, batch: dict[str, Any]) -> dict[str, Any]:
        if not self.varied:
            return batch
        seed = tf.stack([tf.constant(self.seed, tf.int64), number])
        own = {name: batch[name][: self.varied] for name in ("images", "masks")}
        images, masks = augment(own["images"], own["masks"], seed)
        changed = {"images": images, "masks": masks}
        return {**batch, **{name: tf.concat([changed[name], batch[name][self.varied :]], 0) for name in changed}}


@dataclass(frozen=True)
class InputTime:
    """Seconds that a training waited for batches and worked on them, and the share that was work (0..1)."""

    waited_s: float
    worked_s: float
    step_share: float = field(init=False)

    def __post_init__(self) -> None:
        whole = self.waited_s + self.worked_s
        object.__setattr__(self, "step_share", round(self.worked_s / whole, 4) if whole else 1.0)

    def __str__(self) -> str:
        if not self.waited_s + self.worked_s:
            return "no step was trained"
        return f"{self.step_share:.1%} of the training was the step, {self.waited_s:.1f} s were waiting for pictures"


@dataclass
class Watch:
    """Seconds that a training waited for batches, and worked on them."""

    clock: Callable[[], float] = time.monotonic
    waited: float = 0.0
    worked: float = 0.0

    def over(self, batches: Iterator[Any], count: int) -> Iterator[Any]:
        """Give the next `count` batches on; what the caller does with each counts as work."""
        for _ in range(count):
            begin = self.clock()
            batch = next(batches)
            there = self.clock()
            self.waited += there - begin
            yield batch
            self.worked += self.clock() - there

    def seen(self) -> InputTime:
        """Return what was seen so far, rounded."""
        return InputTime(round(self.waited, 2), round(self.worked, 2))
