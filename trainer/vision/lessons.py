"""What a network learns from: labelled pictures with invented defects, or surfaces drawn for the purpose.

A batch depends on the seed and its own number alone, so a training that was killed goes on with what it would have
seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.encoding import canonical_json, digest_bytes
from edge_agent.contracts.recipe import Recipe
from trainer.vision.data import Batch, Pictures
from trainer.vision.drawn import drawn_batch
from trainer.vision.invent import Donors, invented_batch
from trainer.vision.loss import class_weights
from trainer.vision.network import channels
from trainer.vision.schedule import DEFECTIVE, order_of

_DRAWN_SHARE = 0.25
_DRAWN = 900_000
"""Put before the seed of drawn surfaces: nothing else is drawn from the same numbers."""


class Lessons(Protocol):
    """`count` pictures an epoch; `weights` (classes,) of the classes in the loss; `digest` names what is taught.

    `dropout` is the share of features to leave out against learning pictures by heart.
    """

    count: int
    dropout: float
    weights: npt.NDArray[np.float32]
    digest: str

    def epoch(self, number: int, batches: int, size: int) -> Callable[[int], Batch]:
        """Return what makes batch 0 to `batches` - 1, of `size` pictures each, of an epoch."""

    def varied(self, size: int) -> int:
        """Return how many pictures of a batch of `size`, the first ones, are still to be varied."""


class LabelledLessons:
    """The recipe's own pictures: rare kinds get their share (`network.balance`), some good ones are given a defect.

    A network that has learned from drawn surfaces before gets some more of them in every batch: with nothing but the
    same few defects over and over it learns these by heart.
    """

    dropout = 0.1

    def __init__(self, pictures: Pictures, recipe: Recipe, seed: int) -> None:
        self._pictures, self._seed = pictures, seed
        self._donors = Donors.of(pictures)
        self._drawn_share = _DRAWN_SHARE if recipe.network.pretraining else 0.0
        self._size, self._channels = (recipe.network.height, recipe.network.width), channels(recipe)
        self.count = round(len(pictures) / (1 - self._drawn_share))
        classes, balance = len(recipe.labels.names), recipe.network.balance
        weighed = balance in ("both", "weights")
        self.weights = class_weights(pictures.labels, classes) if weighed else np.ones(classes, np.float32)
        self._fewest = DEFECTIVE if balance in ("both", "sampling") else 0.0
        self.digest = pictures.digest()

    def epoch(self, number: int, batches: int, size: int) -> Callable[[int], Batch]:
        """Return what makes the batches of an epoch."""
        own = self.varied(size)
        drawn = size - own
        order = order_of(self._pictures.labels, batches * own, self._seed, number, self._fewest)

        def make(batch: int) -> Batch:
            rng = np.random.default_rng([self._seed, number, batch])
            chosen = order[batch * own : (batch + 1) * own]
            known = invented_batch(self._pictures, chosen, self._donors, rng)
            if not drawn:
                return known
            more = drawn_batch(rng, drawn, self._size, self._channels)
            return {name: np.concatenate([known[name], more[name]]) for name in known}

        return make

    def varied(self, size: int) -> int:
        """Return how many are the recipe's own: drawn ones differ anyway."""
        return size - round(self._drawn_share * size)


class DrawnLessons:
    """Surfaces that no camera has seen, `count` new ones an epoch: none comes twice, so none is learned by heart."""

    dropout = 0.0

    def __init__(self, recipe: Recipe, count: int, seed: int) -> None:
        self._size, self._channels, self._seed = (recipe.network.height, recipe.network.width), channels(recipe), seed
        self.count = count
        self.weights = np.ones(len(recipe.labels.names), np.float32)
        self.digest = digest_bytes(canonical_json({"drawn": count, "size": self._size, "channels": self._channels}))

    def epoch(self, number: int, batches: int, size: int) -> Callable[[int], Batch]:
        """Return what makes the batches of an epoch."""

        def make(batch: int) -> Batch:
            rng = np.random.default_rng([_DRAWN, self._seed, number, batch])
            return drawn_batch(rng, size, self._size, self._channels)

        return make

    def varied(self, size: int) -> int:
        """Return 0: every surface is a new one."""
        return 0
