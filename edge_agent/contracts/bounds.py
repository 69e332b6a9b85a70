"""Exact bounds of a share (Clopper and Pearson, 1934), and how many parts a promise takes. Rules only.

Nothing but `math`: a station has no scipy.
"""

from __future__ import annotations

import math

LEVEL = 0.95
"""Confidence of every two-sided interval that is shown."""
_HALVINGS = 45
_NOTHING = 1e-17


def upper_bound(events: int, trials: int, confidence: float) -> float:
    """Return the highest share under which so few events are not surprising; 1 where there were no trials.

    >>> round(upper_bound(0, 149, 0.95), 4), upper_bound(0, 0, 0.95)
    (0.0199, 1.0)
    """
    if trials <= 0 or events >= trials:
        return 1.0
    low, high = events / trials, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _at_most(events, trials, middle) > 1.0 - confidence:
            low = middle
        else:
            high = middle
    return high


def lower_bound(events: int, trials: int, confidence: float) -> float:
    """Return the lowest share under which so many events are not surprising; 0 where there were no trials."""
    return 0.0 if trials <= 0 else 1.0 - upper_bound(trials - events, trials, confidence)


def exact_interval(events: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the two-sided interval of a share; 0 to 1 where there were no trials.

    >>> [round(bound, 4) for bound in exact_interval(2, 50)]
    [0.0049, 0.1371]
    """
    each = (1 + level) / 2
    return lower_bound(events, trials, each), upper_bound(events, trials, each)


def defective_needed(escape_rate: float, confidence: float) -> int:
    """Return how many held-out defective parts, none accepted, the promise takes (2 % at 95 % confidence: 149)."""
    return math.ceil(math.log(1 - confidence) / math.log(1 - escape_rate))


def allowed_escapes(defective: int, escape_rate: float, confidence: float) -> int | None:
    """Return how many of `defective` held-out parts may be accepted while the promise holds; None = not even 0."""
    if upper_bound(0, defective, confidence) > escape_rate:
        return None
    kept, broken = 0, defective
    while broken - kept > 1:
        middle = (kept + broken) // 2
        if upper_bound(middle, defective, confidence) <= escape_rate:
            kept = middle
        else:
            broken = middle
    return kept


def more_needed(events: int, trials: int, limit: float, confidence: float) -> int:
    """Return how many further trials without an event bring the upper bound down to `limit`; 0 where it is there.

    >>> more_needed(0, 100, 0.02, 0.95), more_needed(0, 149, 0.02, 0.95)
    (49, 0)
    """
    if upper_bound(events, trials, confidence) <= limit:
        return 0
    step = 1
    while upper_bound(events, trials + step, confidence) > limit:
        step *= 2
    enough, short = step, step // 2
    while enough - short > 1:
        middle = (enough + short) // 2
        if upper_bound(events, trials + middle, confidence) <= limit:
            enough = middle
        else:
            short = middle
    return enough


def _at_most(events: int, trials: int, share: float) -> float:
    """Return the binomial probability of `events` or fewer, for a share above events / trials.

    There each term is smaller than the one before it, so the sum ends long before 0 events.
    """
    if share >= 1.0:
        return 0.0
    term = math.exp(
        math.lgamma(trials + 1)
        - math.lgamma(events + 1)
        - math.lgamma(trials - events + 1)
        + events * math.log(share)
        + (trials - events) * math.log1p(-share)
    )
    total, odds = term, (1.0 - share) / share
    for count in range(events, 0, -1):
        term *= count * odds / (trials - count + 1)
        total += term
        if term < _NOTHING * total:
            break
    return total
