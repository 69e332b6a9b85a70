"""How much a window speaks against "nothing has changed", with a false-alarm budget that can be stated beforehand.

Per window and feature, the drift score is ranked among the scores of calibration windows (a conformal p-value), the
p-value is bet on (an e-value), and the bets are added up over time (an e-detector):

* The chance that a new window exceeds the (r+1)-th largest of K calibration scores is Beta(r+1, K-r) distributed over
  draws of the calibration set. Its upper quantile is a p-value that holds given *this* calibration set, which all
  devices share (Bates, Candès, Lei, Romano, Sesia: Testing for outliers with conformal p-values, 2023).
* A decreasing function that integrates to at most 1 turns p-values into e-values (Vovk, Wang: E-values: calibration,
  combination and applications, 2021). Ours is a weighted sum of steps at a few ranks.
* The Shiryaev-Roberts e-detector M <- e (M + 1) satisfies E[M] <= t after t windows, whatever the distribution and
  however the streams depend on each other, so it reaches A within T windows with a chance of at most T / A
  (Shin, Ramdas, Rinaldo: E-detectors, a nonparametric framework for sequential change detection, 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.contracts.bounds import upper_bound
from edge_agent.contracts.strict import Strict

_STEPS = ((0.0, 0.85), (0.02, 0.10), (0.10, 0.05))
"""(share of calibration windows above the step, weight of the bet); weights sum to 1, most rides on the extreme."""

FEWEST_CALIBRATION = 20
_CEILING = 1e18


class Budget(Strict):
    """False alarms allowed over the whole fleet within `horizon` windows of every stream (168 = a week of hours).

    `calibration_risk` is the chance, per model, that the calibration windows were so unlucky that the budget does not
    hold; it is shared out among the features.
    """

    alarms: float = 1.0
    horizon: int = 168
    calibration_risk: float = 0.05

    def threshold(self, streams: int) -> float:
        """Return the evidence at which one of `streams` streams alarms: expected false alarms <= `alarms`."""
        return max(streams, 1) * self.horizon / self.alarms


@dataclass(frozen=True)
class Step:
    """Scores above `limit` have p-value at most `p`; `weight` is the share of the bet that rides on it."""

    limit: float
    p: float
    weight: float


@dataclass(frozen=True)
class Calibrator:
    """Turns the drift score of a window of one feature into a p-value and an e-value."""

    steps: tuple[Step, ...]

    def p_value(self, score: float) -> float:
        """Return the calibration-conditional p-value: 1 where the score is not among the highest."""
        return min((step.p for step in self.steps if score > step.limit), default=1.0)

    def e_value(self, score: float) -> float:
        """Return the bet's pay-out: expectation at most 1 while nothing has changed, large when it has."""
        return sum(step.weight / step.p for step in self.steps if score > step.limit)


def calibrator(scores: Sequence[float], risk: float) -> Calibrator | None:
    """Make the calibrator of one feature from its sorted calibration scores.

    `risk` is the chance that the p-values do not hold for this calibration set. None where there are too few scores
    for any statement.
    """
    if len(scores) < FEWEST_CALIBRATION:
        return None
    count, each = len(scores), risk / len(_STEPS)
    steps = []
    for share, weight in _STEPS:
        above = int(share * count)
        steps.append(Step(scores[count - 1 - above], upper_bound(above, count, 1.0 - each), weight))
    return Calibrator(tuple(steps))


def accumulate(evidence: float, e_value: float) -> float:
    """Return the Shiryaev-Roberts e-detector's next value; it falls to 0 on a window that looks like training."""
    return min(e_value * (evidence + 1.0), _CEILING)
