"""In which order the pictures come, and how fast the network learns from them: rules on numbers."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_WARM_UP = 0.08


def order_of(count: int, wanted: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return `wanted` places 0..count-1 in random order, each as often as any other, the same for the same epoch."""
    rng = np.random.default_rng([seed, epoch])
    rounds = -(-wanted // count)
    return np.asarray(np.concatenate([rng.permutation(count) for _ in range(rounds)])[:wanted], np.int64)


def rate_at(step: int, steps: int, highest: float) -> float:
    """Return the learning rate: a linear rise over the first steps, then a cosine down to nearly nothing."""
    rise = max(int(steps * _WARM_UP), 1)
    if step < rise:
        return highest * (step + 1) / rise
    done = (step - rise) / max(steps - rise, 1)
    return highest * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
