"""What a variant is worth, from its scores on held-out pictures. Rules on values only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from converter.confidence import Cost, calibration_error, choose_thresholds, fit_temperature, join_parts
from edge_agent.contracts.bundle import Interval, Parity, ThresholdPair
from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.scores import Floats, defect_probability, probabilities

_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Truth:
    """The held-out pictures: class index (n,) and part of each."""

    labels: npt.NDArray[np.int64]
    parts: tuple[str, ...]

    def every(self, stride: int) -> Truth:
        """Return every `stride`-th picture."""
        return Truth(self.labels[::stride], self.parts[::stride])


@dataclass(frozen=True)
class Worth:
    """Everything measured on held-out pictures for one variant."""

    parity: Parity
    accuracy: Interval
    recall: Interval
    disagreements: int
    right_lost: int
    defects_lost: int
    temperature: float
    calibration_error: float
    thresholds: ThresholdPair


def wilson(successes: int, n: int) -> Interval:
    """Return a share with its two-sided 95 % score interval; (nan-free) 0..1 for n = 0.

    Wilson, Probable Inference, the Law of Succession, and Statistical Inference (1927).
    """
    if n == 0:
        return Interval(value=0.0, low=0.0, high=1.0, n=0)
    share, weight = successes / n, _Z95**2 / n
    middle = (share + weight / 2) / (1 + weight)
    half = _Z95 / (1 + weight) * math.sqrt(share * (1 - share) / n + weight / (4 * n))
    return Interval(value=share, low=max(0.0, middle - half), high=min(1.0, middle + half), n=n)


def assess(logits: Floats, source: Floats, truth: Truth, recipe: Recipe, cost: Cost | None = None) -> Worth:
    """Compare a variant's logits (n, classes) with the source's on the same pictures, and both with the truth.

    "Lost" counts are net: pictures the source had right (defects it had found) less those the variant gained.
    Raises Rejected for logits that are not finite.
    """
    temperature = fit_temperature(logits, truth.labels)
    calibrated = probabilities(logits, temperature)
    difference = np.abs(probabilities(logits, 1.0) - probabilities(source, 1.0))
    mine, theirs = np.argmax(logits, axis=1), np.argmax(source, axis=1)
    defective = truth.labels != 0
    right, found = mine == truth.labels, (mine != 0)[defective]
    agreeing = int((mine == theirs).sum())
    frames = join_parts(defect_probability(calibrated), truth.parts, truth.labels, recipe.views.combine)
    return Worth(
        parity=Parity(
            max_diff=float(difference.max()),
            mean_diff=float(difference.mean()),
            agreement=agreeing / len(mine),
            pictures=len(mine),
        ),
        accuracy=wilson(int(right.sum()), len(right)),
        recall=wilson(int(found.sum()), len(found)),
        disagreements=len(mine) - agreeing,
        right_lost=int((theirs == truth.labels).sum()) - int(right.sum()),
        defects_lost=int((theirs != 0)[defective].sum()) - int(found.sum()),
        temperature=temperature,
        calibration_error=calibration_error(calibrated, truth.labels),
        thresholds=choose_thresholds(frames.scores, frames.defective, recipe.thresholds, cost),
    )


def label_indices(labels: Sequence[str | None], names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the class index of each label; -1 for one that the recipe does not have."""
    places = {name: index for index, name in enumerate(names)}
    return np.array([places.get(label or "", -1) for label in labels], np.int64)
