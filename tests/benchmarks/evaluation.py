"""M3: how often the chosen threshold breaks the escape target, and how often the one that people pick by hand does.

Scores come from known distributions, so the true escape rate of every threshold is known exactly. In each trial some
defective and good parts are drawn and thresholds chosen from these; then the true rate is looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from scipy import stats

from converter.confidence import Cost, choose_thresholds
from edge_agent.contracts.recipe import Thresholds
from tests.benchmarks.figure import Figure

_BETA = stats.beta
SHAPES: Mapping[str, tuple[Any, Any]] = {
    "far apart": (_BETA(8, 1.5), _BETA(1.2, 8)),
    "overlapping": (_BETA(4, 2), _BETA(2, 4)),
    "flat": (_BETA(1, 1), _BETA(1, 3)),
}
"""Distributions of the scores of defective and of good parts."""
_GOOD = 200
_TRIALS = 4000
Rule = Callable[[Any, Any, Thresholds], float]


def promised(scores: Any, defective: Any, policy: Thresholds, cost: Cost | None = None) -> float:
    """Return `accept_below` as Lineside chooses it; 0 where it refuses."""
    pair = choose_thresholds(scores, defective, policy, cost)
    return pair.accept_below if pair.evidence == "bound" else 0.0


def empirical(scores: Any, defective: Any, policy: Thresholds) -> float:
    """Return the highest threshold whose escape rate among the held-out parts is at most the target."""
    bad = np.sort(scores[defective])
    return float(bad[int(policy.escape_rate * len(bad))])


def broken_share(shape: str, defective: int, policy: Thresholds, rule: Rule, trials: int, seed: int = 1) -> float:
    """Return the share of the trials in which the true escape rate of the rule's threshold is above the target."""
    bad, good = SHAPES[shape]
    rng = np.random.default_rng(seed)
    kinds = np.arange(defective + _GOOD) < defective
    broken = 0
    for _ in range(trials):
        drawn = [np.asarray(kind.ppf(rng.random(n))) for kind, n in ((bad, defective), (good, _GOOD))]
        broken += float(bad.cdf(rule(np.concatenate(drawn), kinds, policy))) > policy.escape_rate
    return broken / trials


def figures() -> Iterator[Figure]:
    """The worst of all shapes and numbers of parts, each with and without costs."""
    policy = Thresholds(escape_rate=0.02, confidence=0.95, review_share=0.2)
    cases = [(shape, n) for shape in SHAPES for n in (150, 400)]
    costs = (None, Cost(100, 5, 1, 0.01))
    found = [
        broken_share(shape, n, policy, lambda s, d, p, c=cost: promised(s, d, p, c), _TRIALS)  # type: ignore[misc]
        for shape, n in cases
        for cost in costs
    ]
    by_hand = [broken_share(shape, n, policy, empirical, _TRIALS) for shape, n in cases]
    note = f"worst of {len(found)} cases, {_TRIALS} trials each; escape target 2 % at 95 %, 150 and 400 defective parts"
    yield Figure("M3", "chosen threshold breaks the escape target", 100 * max(found), "%", 5.0, "lower", note)
    note = f"{100 * min(by_hand):.0f} to {100 * max(by_hand):.0f} % over the same cases"
    yield Figure("M3.hand", "the same for the empirical threshold", 100 * max(by_hand), "%", None, "lower", note)
