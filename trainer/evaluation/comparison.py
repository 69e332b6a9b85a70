"""Runs beside each other: what differs between them, and whether one model is better on the same parts. Rules only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from converter.confidence import PartScores
from edge_agent.contracts.bundle import ThresholdPair
from trainer.evaluation.rates import Estimate, auroc
from trainer.evaluation.resampling import interval


@dataclass(frozen=True)
class Judging:
    """A model's part scores and the thresholds it works with."""

    parts: PartScores
    pair: ThresholdPair


@dataclass(frozen=True)
class Paired:
    """Two models on the parts that both were tested on. `gain` is the second's AUROC minus the first's.

    `only_first`: parts that the first alone judged right (no defective one accepted, no good one rejected),
    `only_second` likewise; `p` is that of McNemar's exact test on these two counts.
    """

    parts: int
    defective: int
    gain: Estimate
    only_first: int
    only_second: int
    p: float

    @property
    def text(self) -> str:
        """One line about it."""
        if not self.parts:
            return "no part was tested by both"
        verdicts = f"verdicts: right alone {self.only_second} against {self.only_first}, McNemar p = {self.p:.3g}"
        return f"AUROC {self._gained}, on {self.parts} parts of both ({self.defective} defective); {verdicts}"

    @property
    def _gained(self) -> str:
        if math.isnan(self.gain.value):
            return "not comparable: both kinds of parts are needed"
        shown = f"{self.gain.value:+.3f} (95 % interval {self.gain.low:+.3f} to {self.gain.high:+.3f})"
        if self.gain.low > 0 or self.gain.high < 0:
            return f"{shown}, {'better' if self.gain.low > 0 else 'worse'}"
        return f"{shown}, no proven difference"


def compare(first: Judging, second: Judging) -> Paired:
    """Compare two models part by part; a part whose label differs between the two is left out."""
    one, two = _shared(first.parts, second.parts)
    defective = first.parts.defective[one]
    a, b = first.parts.scores[one], second.parts.scores[two]
    low, high = interval(defective, lambda draw: auroc(b[draw], defective[draw]) - auroc(a[draw], defective[draw]))
    gain = Estimate(auroc(b, defective) - auroc(a, defective), low, high, len(one))
    right_a, right_b = _right(a, defective, first.pair), _right(b, defective, second.pair)
    alone_a, alone_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    return Paired(len(one), int(defective.sum()), gain, alone_a, alone_b, mcnemar(alone_a, alone_b))


def _shared(first: PartScores, second: PartScores) -> tuple[list[int], list[int]]:
    places = {part: place for place, part in enumerate(second.parts)}
    pairs = [(place, places[part]) for place, part in enumerate(first.parts) if part in places]
    same = [(a, b) for a, b in pairs if first.defective[a] == second.defective[b]]
    return [a for a, _ in same], [b for _, b in same]


def _right(scores: Any, defective: Any, pair: ThresholdPair) -> Any:
    return np.where(defective, scores >= pair.accept_below, scores < pair.reject_above)


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided exact p-value of McNemar's test (1947); 1 where the two differ nowhere.

    >>> mcnemar(1, 9)
    0.021484375
    """
    n, k = only_first + only_second, min(only_first, only_second)
    return float(min(1.0, 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n))


def differing(values: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the keys whose values are not the same everywhere, each with the value of every run (None = not there)."""
    keys = sorted({key for one in values for key in one})
    rows = {key: [one.get(key) for one in values] for key in keys}
    return {key: row for key, row in rows.items() if any(value != row[0] for value in row)}
