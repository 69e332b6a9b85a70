"""The points of the evaluation's curves: values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.bounds import exact_interval, upper_bound
from trainer.reports.charts import Point

Scored = Sequence[tuple[float, bool]]
"""Parts or pictures: (score, defective)."""
_PLACES = 101
_BOUND_EVERY = 4


def roc_points(scored: Scored) -> tuple[Point, ...]:
    """Return (share of good ones rejected, share of defective ones rejected) from the highest threshold down."""
    scores = np.asarray([score for score, _ in scored], np.float64)
    defective = np.asarray([kind for _, kind in scored], bool)
    if not defective.any() or defective.all():
        return ()
    places = np.unique(scores)[::-1]
    bad, good = np.sort(scores[defective]), np.sort(scores[~defective])
    hits = 1 - np.searchsorted(bad, places, "left") / len(bad)
    alarms = 1 - np.searchsorted(good, places, "left") / len(good)
    return ((0.0, 0.0), *((float(x), float(y)) for x, y in zip(alarms, hits, strict=True)), (1.0, 1.0))


@dataclass(frozen=True)
class ThresholdCurves:
    """Shares over the threshold 0..1: `bound` is the one-sided upper bound of the escape rate."""

    escape: tuple[Point, ...]
    bound: tuple[Point, ...]
    overkill: tuple[Point, ...]
    review: tuple[Point, ...]


def threshold_curves(scored: Scored, reject_above: float, confidence: float) -> ThresholdCurves:
    """Return what each threshold would do; `review` is for an accept threshold while `reject_above` stays."""
    bad = np.sort([score for score, kind in scored if kind])
    good = np.sort([score for score, kind in scored if not kind])
    every = np.sort([score for score, _ in scored])
    places = np.linspace(0, 1, _PLACES)
    escapes = np.searchsorted(bad, places, "left")
    bound = [(float(t), upper_bound(int(k), len(bad), confidence)) for t, k in _thinned(places, escapes)]
    below = np.searchsorted(every, [reject_above], "left")[0]
    unsure = [(t, (below - k) / len(every)) for t, k in zip(places, np.searchsorted(every, places), strict=True)]
    return ThresholdCurves(
        tuple((float(t), float(k / len(bad))) for t, k in zip(places, escapes, strict=True)) if len(bad) else (),
        tuple(bound) if len(bad) else (),
        tuple((float(t), float((good >= t).mean())) for t in places) if len(good) else (),
        tuple((float(t), float(share)) for t, share in unsure if t <= reject_above),
    )


def _thinned(places: npt.NDArray[np.float64], escapes: npt.NDArray[np.int64]) -> list[tuple[float, int]]:
    return list(zip(places[::_BOUND_EVERY].tolist(), escapes[::_BOUND_EVERY].tolist(), strict=True))


@dataclass(frozen=True)
class Bin:
    """Answers with scores from `low` to `high`: their mean score, the share that is defective with its interval."""

    low: float
    high: float
    count: int
    said: float
    found: float
    found_low: float
    found_high: float


def reliability(scored: Scored, bins: int = 10) -> list[Bin]:
    """Return what was said and what was found, in equally wide bins; empty ones are left out."""
    scores = np.asarray([score for score, _ in scored], np.float64)
    defective = np.asarray([kind for _, kind in scored], bool)
    place = np.minimum((scores * bins).astype(int), bins - 1)
    made = []
    for number in range(bins):
        inside = place == number
        count, events = int(inside.sum()), int(defective[inside].sum())
        if count:
            low, high = exact_interval(events, count)
            said = float(scores[inside].mean())
            made.append(Bin(number / bins, (number + 1) / bins, count, said, events / count, low, high))
    return made
