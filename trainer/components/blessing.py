"""Whether a model may go on: values it must reach, and no proven loss against the one before. Rules only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.recipe import Blessing
from trainer.vision.evaluate import auroc

Scores = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_DRAWS = 1000
_LEVEL = 0.95


@dataclass(frozen=True)
class Measured:
    """What was measured on held-out parts, with the two-sided 95 % interval of the AUROC; NaN = not defined."""

    auroc: float
    auroc_low: float
    auroc_high: float
    recall: float
    defective: int
    good: int


@dataclass(frozen=True)
class Change:
    """AUROC of the former model minus the new one's on the same parts, with its two-sided 95 % interval."""

    drop: float
    low: float
    high: float
    former: str


@dataclass(frozen=True)
class Decision:
    """Blessed or not, why not, and what else should be known."""

    blessed: bool
    reasons: tuple[str, ...]
    remarks: tuple[str, ...]


def interval(scores: Scores, defective: Bools, seed: int = 1) -> tuple[float, float]:
    """Return the bootstrap interval of the AUROC over parts (n,); NaN where there are not both kinds.

    Where both kinds are told apart perfectly every draw is 1: the lower end then is that of as many independent pairs
    as the rarer kind has parts, all in order (Clopper-Pearson).
    """
    rng = np.random.default_rng(seed)
    low, high = _quantiles([auroc(scores[draw], defective[draw]) for draw in _draws(defective, rng)])
    pairs = min(int(defective.sum()), int((~defective).sum()))
    return (((1 - _LEVEL) / 2) ** (1 / pairs) if low == 1.0 else low), high


def change(now: Scores, former: Scores, defective: Bools, name: str, seed: int = 1) -> Change:
    """Compare two models on the same parts by a paired bootstrap."""
    rng = np.random.default_rng(seed)
    drops = [
        auroc(former[draw], defective[draw]) - auroc(now[draw], defective[draw]) for draw in _draws(defective, rng)
    ]
    low, high = _quantiles(drops)
    return Change(auroc(former, defective) - auroc(now, defective), low, high, name)


def _draws(defective: Bools, rng: np.random.Generator) -> list[npt.NDArray[np.int64]]:
    """Draw parts with replacement, defective and good ones apart, so that every draw has both."""
    bad, good = np.flatnonzero(defective), np.flatnonzero(~defective)
    if not len(bad) or not len(good):
        return []
    return [np.concatenate([rng.choice(bad, len(bad)), rng.choice(good, len(good))]) for _ in range(_DRAWS)]


def _quantiles(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return math.nan, math.nan
    low, high = np.quantile(np.asarray(values), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


def decide(measured: Measured, changed: Change | None, policy: Blessing) -> Decision:
    """Compare with the recipe's policy. Without parts of both kinds nothing is known, so nothing is blessed.

    A loss against the former model counts when it is larger than allowed and its interval excludes chance.
    """
    if not measured.defective or not measured.good:
        found = f"{measured.defective} defective and {measured.good} good parts held out"
        return Decision(False, (f"insufficient evidence: {found}; both kinds are needed",), ())
    reasons: list[str] = []
    remarks: list[str] = []
    shown = f"AUROC per part {measured.auroc:.3f} (95 % interval {measured.auroc_low:.3f} to {measured.auroc_high:.3f})"
    (reasons if measured.auroc < policy.auroc_min else remarks).append(f"{shown}, required {policy.auroc_min:.3f}")
    recall = f"recall of {measured.defective} defective parts {measured.recall:.3f}"
    (reasons if measured.recall < policy.recall_min else remarks).append(f"{recall}, required {policy.recall_min:.3f}")
    if changed is not None:
        worse = changed.drop > policy.regression_max and changed.low > 0
        (reasons if worse else remarks).append(_compared(changed, policy.regression_max))
    return Decision(not reasons, tuple(reasons), tuple(remarks))


def _compared(changed: Change, allowed: float) -> str:
    kind = "worse than" if changed.drop > 0 else "better than"
    text = f"{abs(changed.drop):.3f} {kind} {changed.former}" if changed.drop else f"as good as {changed.former}"
    return f"{text} (95 % interval of the loss {changed.low:.3f} to {changed.high:.3f}), allowed {allowed:.3f}"
