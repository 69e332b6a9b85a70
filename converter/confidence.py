"""How far a score may be trusted: temperature, calibration error, and thresholds with what they can promise.

Rules on values only. "Defective" scores are probabilities 0..1 of the part having any defect; what lies below
`accept_below` is accepted, what lies at or above `reject_above` is rejected, a person sees the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.bundle import ThresholdPair
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Thresholds
from edge_agent.contracts.scores import Floats, part_score, probabilities

_LOG_T_LIMIT = math.log(8.0)
_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2
_OVERKILL_SHARE = 0.01
_CAUTION = 0.5


@dataclass(frozen=True)
class PartScores:
    """One entry a part, in the order in which the parts first appear."""

    parts: tuple[str, ...]
    scores: npt.NDArray[np.float64]
    defective: npt.NDArray[np.bool_]


def join_parts(
    frame_scores: Sequence[float] | Floats,
    parts: Sequence[str],
    labels: Sequence[int] | npt.NDArray[np.int64],
    combine: str,
) -> PartScores:
    """Join the frames' defect probabilities into one score a part; it is defective when any frame's label is not 0."""
    frames: dict[str, list[int]] = {}
    for place, part in enumerate(parts):
        frames.setdefault(part, []).append(place)
    scores = [part_score([float(frame_scores[i]) for i in places], combine) for places in frames.values()]
    defective = [any(int(labels[i]) != 0 for i in places) for places in frames.values()]
    return PartScores(tuple(frames), np.asarray(scores, np.float64), np.asarray(defective, bool))


def fit_temperature(logits: Floats, labels: npt.NDArray[np.int64]) -> float:
    """Return the temperature (1/8 to 8) under which held-out `logits` (n, classes) are most likely.

    Guo et al., On Calibration of Modern Neural Networks (2017), with a weak preference for 1 (a normal prior of
    deviation 1 on its logarithm), so that few or perfectly separated pictures do not give certainty.
    No pictures: 1. Raises Rejected for logits that are not finite.
    """
    logits = np.asarray(logits, np.float64)
    if not np.isfinite(logits).all():
        raise Rejected("logits are not finite numbers; the model cannot be calibrated")
    if len(logits) == 0:
        return 1.0

    def cost(log_t: float) -> float:
        chosen = probabilities(logits, math.exp(log_t))[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(chosen, 1e-12)).sum() + 0.5 * log_t**2)

    return math.exp(_minimum(cost, -_LOG_T_LIMIT, _LOG_T_LIMIT))


def _minimum(cost: Callable[[float], float], low: float, high: float) -> float:
    """Golden-section search; the likelihood is unimodal in the logarithm of the temperature."""
    for _ in range(40):
        left, right = high - _GOLDEN_RATIO * (high - low), low + _GOLDEN_RATIO * (high - low)
        if cost(left) <= cost(right):
            high = right
        else:
            low = left
    return (low + high) / 2


def calibration_error(class_probabilities: Floats, labels: npt.NDArray[np.int64], bins: int = 10) -> float:
    """Return the expected calibration error 0..1: mean gap of confidence and accuracy over equally wide bins."""
    predicted = np.asarray(class_probabilities, np.float64)
    if len(predicted) == 0:
        return math.nan
    confidence, right = predicted.max(axis=1), predicted.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(place, confidence - right, bins)
    return float(np.abs(gaps).sum() / len(predicted))


def upper_bound(events: int, trials: int, confidence: float) -> float:
    """Return the one-sided Clopper-Pearson upper bound of a share; 1 when there were no trials or all were events."""
    if events >= trials:
        return 1.0
    low, high = events / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(events, trials, middle) > 1 - confidence else (low, middle)
    return high


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


def allowed_escapes(defective: int, escape_rate: float, confidence: float) -> int | None:
    """Return how many of `defective` held-out parts may be accepted while the promise holds; None = not even 0."""
    if upper_bound(0, defective, confidence) > escape_rate:
        return None
    escapes = 0
    while upper_bound(escapes + 1, defective, confidence) <= escape_rate:
        escapes += 1
    return escapes


def choose_thresholds(
    scores: npt.NDArray[np.float64], defective: npt.NDArray[np.bool_], policy: Thresholds
) -> ThresholdPair:
    """Choose both thresholds from held-out parts, scores (n,) and whether each is `defective` (n,).

    `accept_below` is an order statistic of the defective parts' scores, so that the share of all defective parts
    that would be accepted is at most `escape_rate` with the given confidence (exact, whatever the scores'
    distribution). With too few defective parts nothing is promised (`evidence="insufficient"`, the note says how
    many are needed): half the lowest defective score is taken, but people see at least half and at most the whole of
    what they can review, however well the few parts are told apart. What is left of the review share is spent on
    caution. Raises Rejected for scores that are no probabilities.
    """
    if not (np.isfinite(scores).all() and ((scores >= 0) & (scores <= 1)).all()):
        raise Rejected("scores of parts must be probabilities from 0 to 1; the model gave something else")
    bad, good = np.sort(scores[defective]), np.sort(scores[~defective])
    needed = defective_needed(policy.escape_rate, policy.confidence)
    if len(bad) == 0 or len(good) == 0:
        found = f"{len(bad)} defective and {len(good)} good parts held out"
        note = f"insufficient evidence: {found}; {needed} defective parts are needed"
        return ThresholdPair(accept_below=0.0, reject_above=1.0, defective_parts=len(bad), review_share=1.0, note=note)
    escapes = allowed_escapes(len(bad), policy.escape_rate, policy.confidence)
    cautious = _good_quantile(good, policy.review_share / 2)
    if escapes is None:
        wary = min(float(bad[0]) * _CAUTION, cautious)
        accept = min(max(wary, _good_quantile(good, policy.review_share)), 0.5)
    else:
        accept = min(float(bad[escapes]), max(cautious, float(bad[0]) * _CAUTION))
    reject = _reject_from(scores, good, accept, policy.review_share)
    return _described(scores, bad, accept, reject, policy, needed if escapes is None else None)


def _good_quantile(good: npt.NDArray[np.float64], share: float) -> float:
    """Return the value that at most `share` of the good parts reach."""
    above = math.floor(share * len(good))
    if above == 0:
        return float(np.nextafter(good[-1], 2.0))
    return float(np.nextafter(good[len(good) - above - 1], 2.0))


def _reject_from(
    scores: npt.NDArray[np.float64], good: npt.NDArray[np.float64], accept: float, review_share: float
) -> float:
    """Return the lowest value that hardly a good part reaches, lowered until people can review what is between."""
    reject = max(_good_quantile(good, _OVERKILL_SHARE), accept, 0.5)
    unsure = np.sort(scores[(scores >= accept) & (scores < reject)])
    room = math.floor(review_share * len(scores))
    if len(unsure) > room:
        reject = max(float(unsure[room]), accept)
    return min(reject, 1.0)


def _described(
    scores: npt.NDArray[np.float64],
    bad: npt.NDArray[np.float64],
    accept: float,
    reject: float,
    policy: Thresholds,
    needed: int | None,
) -> ThresholdPair:
    escaped = int((bad < accept).sum())
    bound = upper_bound(escaped, len(bad), policy.confidence)
    promise = f"true escape rate at most {bound:.1%} ({policy.confidence:.0%} confidence)"
    note = f"{escaped} of {len(bad)} held-out defective parts accepted; {promise}"
    if needed is not None:
        note = f"insufficient evidence for {policy.escape_rate:.1%}: {note}; {needed} defective parts are needed"
    return ThresholdPair(
        accept_below=min(accept, 1.0),
        reject_above=max(reject, min(accept, 1.0)),
        evidence="bound" if needed is None else "insufficient",
        escape_upper=bound,
        review_share=float(((scores >= accept) & (scores < reject)).mean()),
        defective_parts=len(bad),
        note=note,
    )
