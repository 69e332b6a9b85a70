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

from edge_agent.contracts.bounds import allowed_escapes, defective_needed, upper_bound
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


@dataclass(frozen=True)
class Cost:
    """What a defective part that was accepted, a good one that was rejected, and a part that a person saw cost.

    `defective_share` is the share of defective parts in production; None = as among the held-out parts.
    """

    escape: float
    overkill: float
    review: float
    defective_share: float | None = None


def choose_thresholds(
    scores: npt.NDArray[np.float64],
    defective: npt.NDArray[np.bool_],
    policy: Thresholds,
    cost: Cost | None = None,
) -> ThresholdPair:
    """Choose both thresholds from held-out parts, scores (n,) and whether each is `defective` (n,).

    `accept_below` is at most an order statistic of the defective parts' scores, so that the share of all defective
    parts that would be accepted is at most `escape_rate` with the given confidence (exact, whatever the scores'
    distribution). It is where fixed-sequence testing from 0 upwards stops (Angelopoulos et al., Learn then Test,
    2021), for the escape rate only rises with the threshold. With `cost`, the pair of least cost within that bound
    and within the review share is taken.

    With too few defective parts nothing is promised (`evidence="insufficient"`, the note says how many are needed):
    half the lowest defective score is taken, but people see at least half and at most the whole of what they can
    review, however well the few parts are told apart. What is left of the review share is spent on caution.
    Raises Rejected for scores that are no probabilities.
    """
    if not (np.isfinite(scores).all() and ((scores >= 0) & (scores <= 1)).all()):
        raise Rejected("scores of parts must be probabilities from 0 to 1; the model gave something else")
    bad, good = np.sort(scores[defective]), np.sort(scores[~defective])
    needed = defective_needed(policy.escape_rate, policy.confidence)
    if len(bad) == 0 or len(good) == 0:
        found = f"{len(bad)} defective and {len(good)} good parts held out"
        note = f"insufficient evidence: {found}; {_wanted(needed, len(bad))}"
        return ThresholdPair(accept_below=0.0, reject_above=1.0, defective_parts=len(bad), review_share=1.0, note=note)
    escapes = allowed_escapes(len(bad), policy.escape_rate, policy.confidence)
    if escapes is not None and cost is not None:
        accept, reject = least_cost(scores, defective, float(bad[escapes]), policy.review_share, cost)
        return _described(scores, bad, accept, reject, policy, None)
    cautious = _good_quantile(good, policy.review_share / 2)
    if escapes is None:
        wary = min(float(bad[0]) * _CAUTION, cautious)
        accept = min(max(wary, _good_quantile(good, policy.review_share)), 0.5)
    else:
        accept = min(float(bad[escapes]), max(cautious, float(bad[0]) * _CAUTION))
    reject = _reject_from(scores, good, accept, policy.review_share)
    return _described(scores, bad, accept, reject, policy, needed if escapes is None else None)


def _wanted(needed: int, there: int) -> str:
    more = f", {needed - there} more than there are" if needed > there else ""
    return f"{needed} defective parts are needed{more}"


_PLACES = 400


def least_cost(
    scores: npt.NDArray[np.float64],
    defective: npt.NDArray[np.bool_],
    accept_limit: float,
    review_share: float,
    cost: Cost,
) -> tuple[float, float]:
    """Return (accept_below, reject_above) of least cost a part, `accept_below` at most `accept_limit`.

    At most `review_share` of the parts lie between the two. Thresholds lie halfway between neighbouring scores; of
    equal costs the lower thresholds are taken. Many scores are thinned out to some hundred.
    """
    known = np.unique(scores)
    if len(known) > _PLACES:
        known = np.unique(np.quantile(known, np.linspace(0, 1, _PLACES), method="lower"))
    places = np.r_[0.0, (known[1:] + known[:-1]) / 2, min(float(np.nextafter(known[-1], 2.0)), 1.0)]
    accepts = np.unique(np.minimum(places, accept_limit))
    places = np.unique(np.r_[places, accepts])
    bad_a, good_a = (_share_below(scores[kind], accepts)[:, None] for kind in (defective, ~defective))
    bad_r, good_r = (_share_below(scores[kind], places)[None, :] for kind in (defective, ~defective))
    found = float(defective.mean())
    share = found if cost.defective_share is None else cost.defective_share
    of_bad = cost.escape * bad_a + cost.review * (bad_r - bad_a)
    of_good = cost.overkill * (1 - good_r) + cost.review * (good_r - good_a)
    total = share * of_bad + (1 - share) * of_good
    seen = found * (bad_r - bad_a) + (1 - found) * (good_r - good_a)
    allowed = (places[None, :] >= accepts[:, None]) & (seen <= review_share + 1e-12)
    total = np.where(allowed, np.round(total, 12), np.inf)
    row, column = np.unravel_index(int(np.argmin(total)), total.shape)
    return float(accepts[row]), float(places[column])


def _share_below(scores: npt.NDArray[np.float64], places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.searchsorted(np.sort(scores), places, "left") / len(scores)


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
        note = f"insufficient evidence for {policy.escape_rate:.1%}: {note}; {_wanted(needed, len(bad))}"
    return ThresholdPair(
        accept_below=min(accept, 1.0),
        reject_above=max(reject, min(accept, 1.0)),
        evidence="bound" if needed is None else "insufficient",
        escape_upper=bound,
        review_share=float(((scores >= accept) & (scores < reject)).mean()),
        defective_parts=len(bad),
        note=note,
    )
