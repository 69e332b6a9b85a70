"""Intervals by bootstrap over parts, defective and good ones drawn apart, so that every draw has both. Rules only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.bounds import LEVEL
from trainer.evaluation.rates import Bools, Scores, auroc

_DRAWS = 1000
Places = npt.NDArray[np.int64]


def auroc_interval(scores: Scores, defective: Bools, seed: int = 1, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of the AUROC over parts (n,); NaN where there are not both kinds.

    Where both kinds are told apart perfectly every draw is 1: the lower end then is that of as many independent pairs
    as the rarer kind has parts, all in order (Clopper-Pearson).
    """
    low, high = interval(defective, lambda draw: auroc(scores[draw], defective[draw]), seed, level)
    pairs = min(int(defective.sum()), int((~defective).sum()))
    return (((1 - level) / 2) ** (1 / pairs) if low == 1.0 else low), high


def interval(
    defective: Bools, value_of: Callable[[Places], float], seed: int = 1, level: float = LEVEL
) -> tuple[float, float]:
    """Return the interval of what `value_of` says of drawn parts; NaN where there are not both kinds."""
    rng = np.random.default_rng(seed)
    return _quantiles([value_of(draw) for draw in _draws(defective, rng)], level)


def _draws(defective: Bools, rng: np.random.Generator) -> list[Places]:
    bad, good = np.flatnonzero(defective), np.flatnonzero(~defective)
    if not len(bad) or not len(good):
        return []
    return [np.concatenate([rng.choice(bad, len(bad)), rng.choice(good, len(good))]) for _ in range(_DRAWS)]


def _quantiles(values: Sequence[float], level: float) -> tuple[float, float]:
    if not values:
        return math.nan, math.nan
    low, high = np.quantile(np.asarray(values), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
