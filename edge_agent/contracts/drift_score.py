"""How far a window lies from the baseline, as one number per feature; the rank of it is what alarms.

The score is compared only with scores of windows drawn from training parts (`Baseline.calibration`), so its unit does
not matter, but both sides must compute it here.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

from edge_agent.contracts.window import Baseline, Feature, Statistics, Tally

_FLOOR_SHARE = 1e-3
_PRIOR = 0.5
_SHAPE_WEIGHT = 2.0
_DEAD_ZONE = 0.1


def drift_score(feature: Feature, tally: Tally) -> float:
    """Return how far the window's values of one feature lie from training, 0 or more; always finite.

    The root of the summed squares of two effect sizes: the shift of the mean in training deviations, and twice the
    Jensen-Shannon distance (0..1) of the histograms. Neither grows with n; the second is what sees another spread
    with the same mean. (Of the maximum, sums and this, this one found most at equal false alarms in simulations.)
    A window without a valid value scores 0: that is silence, not drift. So does a difference too small to matter to
    anyone, for the windows of a feature that never moved in training all score 0 and any rank would be extreme.
    """
    if tally.n <= 0:
        return 0.0
    score = math.hypot(mean_shift(feature, tally), _SHAPE_WEIGHT * shape_distance(feature.counts, tally.bins))
    return score if score >= _DEAD_ZONE else 0.0


def drift_scores(baseline: Baseline, window: Statistics) -> dict[str, float]:
    """Return the score of every feature of the baseline."""
    return {feature.name: drift_score(feature, window.tallies[feature.name]) for feature in baseline.features}


def mean_shift(feature: Feature, tally: Tally) -> float:
    """Return |mean - training mean| in training deviations; a constant feature's deviation has a floor (M10)."""
    if tally.n <= 0:
        return 0.0
    mean = feature.origin + feature.step * tally.total / tally.n
    return abs(mean - feature.mean) / floored_deviation(feature)


def signed_shift(feature: Feature, tally: Tally) -> float:
    """Return the shift of the mean in training deviations with its sign: negative = lower than in training."""
    mean = feature.origin + feature.step * tally.total / tally.n if tally.n > 0 else feature.mean
    return (mean - feature.mean) / floored_deviation(feature)


def floored_deviation(feature: Feature) -> float:
    """Return the training deviation, at least one quantum and a thousandth of the mean, so never 0."""
    return max(feature.deviation, feature.step, _FLOOR_SHARE * abs(feature.mean))


def shape_distance(training: Sequence[int], window: Sequence[int]) -> float:
    """Return the Jensen-Shannon distance (base 2, 0..1) of two histograms on the same bins.

    Both are smoothed by half a count per bin of the window's size, so that an empty bin of a small window is no
    evidence. Lin, Divergence Measures Based on the Shannon Entropy (1991).
    """
    total, n = sum(training), sum(window)
    if total <= 0 or n <= 0:
        return 0.0
    weight = n + _PRIOR * len(window)
    p = [(count * n / total + _PRIOR) / weight for count in training]
    q = [(count + _PRIOR) / weight for count in window]
    divergence = math.fsum(_half(a, b) + _half(b, a) for a, b in zip(p, q, strict=True))
    return math.sqrt(min(1.0, max(0.0, divergence)))


def _half(a: float, b: float) -> float:
    return 0.5 * a * math.log2(2.0 * a / (a + b)) if a > 0 else 0.0


def rank_p_value(score: float, calibration: Sequence[float]) -> float:
    """Return the share of calibration windows that lie at least as far out, the live window counted among them.

    `calibration` is sorted. Valid whatever the score's distribution: (1 + #{c >= score}) / (1 + len). 1 where there is
    no calibration, for then nothing can be said.
    """
    beyond = len(calibration) - bisect_left(calibration, score)
    return (1 + beyond) / (1 + len(calibration))
