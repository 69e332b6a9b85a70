"""In which order the pictures come, and how fast the network learns from them: rules on numbers."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_WARM_UP = 0.08
DEFECTIVE = 0.4
"""The share of places that defective pictures get at least, where they are drawn more often than they are."""


def order_of(
    labels: npt.NDArray[np.int64], wanted: int, seed: int, epoch: int, fewest: float = DEFECTIVE
) -> npt.NDArray[np.int64]:
    """Return `wanted` places 0..n-1 of pictures with `labels` (n,; 0 = good), the same for the same epoch.

    Defective pictures are rare: they get at least `fewest` (0..1) of the places, half of these by dealing the kinds in
    turn and half as often as each kind is; with 0, every picture comes equally often. The good ones always do.
    """
    rng = np.random.default_rng([seed, epoch])
    if fewest <= 0:
        return _dealt(np.arange(len(labels)), wanted, rng)
    good, bad = np.flatnonzero(labels == 0), np.flatnonzero(labels != 0)
    defective = rng.random(wanted) < (max(fewest, len(bad) / len(labels)) if len(bad) else 0.0)
    order = np.empty(wanted, np.int64)
    order[~defective] = _dealt(good, int((~defective).sum()), rng)
    if len(bad):
        order[defective] = _of_all_kinds(bad, labels, int(defective.sum()), rng)
    return order


def _dealt(places: npt.NDArray[np.int64], wanted: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return `wanted` of the places in random order, each as often as any other."""
    rounds = -(-wanted // max(len(places), 1))
    dealt = np.concatenate([places[:0], *(rng.permutation(places) for _ in range(rounds))])
    return np.asarray(dealt[:wanted], np.int64)


def _of_all_kinds(
    bad: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], wanted: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    kinds = np.unique(labels[bad])
    each = wanted // 2 // len(kinds)
    even = [_dealt(bad[labels[bad] == kind], each, rng) for kind in kinds]
    rest = _dealt(bad, wanted - each * len(kinds), rng)
    return rng.permutation(np.concatenate([*even, rest]))


def rate_at(step: int, steps: int, highest: float) -> float:
    """Return the learning rate: a linear rise over the first steps, then a cosine down to nearly nothing."""
    rise = max(int(steps * _WARM_UP), 1)
    if step < rise:
        return highest * (step + 1) / rise
    done = (step - rise) / max(steps - rise, 1)
    return highest * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
