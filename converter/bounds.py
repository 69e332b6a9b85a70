"""Exact bounds of a share (Clopper and Pearson, 1934), and how many parts a promise takes. Rules only."""

from __future__ import annotations

import math

LEVEL = 0.95
"""Confidence of every two-sided interval that is shown."""


def upper_bound(events: int, trials: int, confidence: float) -> float:
    """Return the one-sided upper bound of a share; 1 when there were no trials or all were events."""
    if events >= trials:
        return 1.0
    low, high = events / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(events, trials, middle) > 1 - confidence else (low, middle)
    return high


def lower_bound(events: int, trials: int, confidence: float) -> float:
    """Return the one-sided lower bound of a share; 0 when there were no trials."""
    return 0.0 if trials <= 0 else 1.0 - upper_bound(trials - events, trials, confidence)


def exact_interval(events: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the two-sided interval of a share; 0 to 1 where there were no trials.

    >>> [round(bound, 4) for bound in exact_interval(2, 50)]
    [0.0049, 0.1371]
    """
    each = (1 + level) / 2
    return lower_bound(events, trials, each), upper_bound(events, trials, each)


def _at_most(events: int, trials: int, share: float) -> float:
    """Return the binomial probability of at most `events` in `trials`."""
    log_p, log_q = math.log(max(share, 1e-300)), math.log1p(-min(share, 1 - 1e-16))
    return math.fsum(
        math.exp(
            math.lgamma(trials + 1)
            - math.lgamma(k + 1)
            - math.lgamma(trials - k + 1)
            + k * log_p
            + (trials - k) * log_q
        )
        for k in range(events + 1)
    )


def defective_needed(escape_rate: float, confidence: float) -> int:
    """Return how many held-out defective parts, none accepted, the promise takes (2 % at 95 % confidence: 149)."""
    return math.ceil(math.log(1 - confidence) / math.log(1 - escape_rate))


def more_needed(events: int, trials: int, limit: float, confidence: float) -> int:
    """Return how many more trials without an event bring the upper bound to `limit` (above 0); 0 = it is there.

    >>> more_needed(0, 120, 0.02, 0.95)
    29
    """
    if upper_bound(events, trials, confidence) <= limit:
        return 0
    high = 1
    while upper_bound(events, trials + high, confidence) > limit:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if upper_bound(events, trials + middle, confidence) <= limit else (middle, high)
    return high


def allowed_escapes(defective: int, escape_rate: float, confidence: float) -> int | None:
    """Return how many of `defective` held-out parts may be accepted while the promise holds; None = not even 0."""
    if upper_bound(0, defective, confidence) > escape_rate:
        return None
    escapes = 0
    while upper_bound(escapes + 1, defective, confidence) <= escape_rate:
        escapes += 1
    return escapes
