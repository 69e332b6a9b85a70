"""How good the answers are: rules on arrays, without a framework.

`scores` are probabilities of "defective", `defective` says what is true.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from converter.confidence import Cost
from edge_agent.contracts.bounds import LEVEL, exact_interval

Bools = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]
_DRAWS = 1000


def auroc(scores: Scores, defective: Bools) -> float:
    """Return the chance that a defective one scores higher than a good one, ties counting half; NaN without both."""
    bad, good = scores[defective], np.sort(scores[~defective])
    if len(bad) == 0 or len(good) == 0:
        return math.nan
    below = np.searchsorted(good, bad, "left") + np.searchsorted(good, bad, "right")
    return float(below.sum() / (2 * len(bad) * len(good)))


@dataclass(frozen=True)
class Rates:
    """What two thresholds do to parts. Shares are NaN where there is nothing to share among.

    `recall`: defective ones not accepted (rejected or seen by a person). `escape` = 1 - recall.
    `overkill`: good ones rejected. `review`: share of all that a person sees.
    """

    recall: float
    escape: float
    overkill: float
    review: float
    defective: int
    good: int


def rates(scores: Scores, defective: Bools, accept_below: float, reject_above: float) -> Rates:
    """Count what the thresholds do; see Rates."""
    bad, good = scores[defective], scores[~defective]
    escape = _share(bad < accept_below)
    unsure = (scores >= accept_below) & (scores < reject_above)
    return Rates(1 - escape, escape, _share(good >= reject_above), _share(unsure), len(bad), len(good))


def _share(hits: Bools) -> float:
    return float(hits.mean()) if len(hits) else math.nan


def confusion(labels: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.int64]:
    """Return counts (classes, classes): row = true label, column = predicted label."""
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True)
class Estimate:
    """A value with its two-sided 95 % interval. `n`: on how many parts; `events` of these, where it is a share."""

    value: float
    low: float
    high: float
    n: int
    events: int | None = None


def exact_share(events: int, n: int) -> Estimate:
    """Return a share with its interval of Clopper and Pearson; NaN with 0 to 1 where there is nothing to share."""
    low, high = exact_interval(events, n)
    return Estimate(events / n if n else math.nan, low, high, n, events)


@dataclass(frozen=True)
class Inspection:
    """What two thresholds do to parts, with intervals; `cost` a part where costs are known."""

    escape: Estimate
    overkill: Estimate
    review: Estimate
    cost: Estimate | None = None


def inspect(
    scores: Scores, defective: Bools, accept_below: float, reject_above: float, cost: Cost | None = None
) -> Inspection:
    """Measure parts (n,): escapes among defective ones, overkill among good ones, reviews among all, cost a part."""
    unsure = (scores >= accept_below) & (scores < reject_above)
    escapes = (scores < accept_below) & defective
    overkill = (scores >= reject_above) & ~defective
    price = None
    if cost is not None:
        each = cost.escape * escapes + cost.overkill * overkill + cost.review * unsure
        price = cost_per_part(np.asarray(each, np.float64), defective, cost.defective_share)
    good = int((~defective).sum())
    return Inspection(
        exact_share(int(escapes.sum()), len(defective) - good),
        exact_share(int(overkill.sum()), good),
        exact_share(int(unsure.sum()), len(defective)),
        price,
    )


def cost_per_part(each: Scores, defective: Bools, share: float | None, seed: int = 1) -> Estimate:
    """Return the mean of what `each` part (n,) cost, its interval by bootstrap, defective and good ones drawn apart.

    `share` of the parts are taken to be defective (None = as they are). NaN where a kind that counts is missing.
    """
    weight = (float(defective.mean()) if len(defective) else math.nan) if share is None else share
    bad, good = each[defective], each[~defective]
    rng = np.random.default_rng(seed)
    total, drawn = 0.0, np.zeros(_DRAWS)
    for values, part in ((bad, weight), (good, 1 - weight)):
        if part == 0:
            continue
        if not len(values):
            return Estimate(math.nan, math.nan, math.nan, len(each))
        total += part * float(values.mean())
        drawn += part * rng.choice(values, (_DRAWS, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(total, float(low), float(high), len(each))
