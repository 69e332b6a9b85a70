"""Whether a model may go on: values it must reach, and no proven loss against the one before. Rules only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.contracts.recipe import Blessing
from trainer.evaluation.limits import Judgement
from trainer.evaluation.rates import Bools, Scores, auroc
from trainer.evaluation.resampling import interval


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


def change(now: Scores, former: Scores, defective: Bools, name: str, seed: int = 1) -> Change:
    """Compare two models on the same parts by a paired bootstrap."""
    low, high = interval(
        defective, lambda draw: auroc(former[draw], defective[draw]) - auroc(now[draw], defective[draw]), seed
    )
    return Change(auroc(former, defective) - auroc(now, defective), low, high, name)


@dataclass(frozen=True)
class Kinds:
    """How many parts of each kind the thresholds come from."""

    defective: int
    good: int


def decide(
    measured: Measured,
    changed: Change | None,
    policy: Blessing,
    chosen: Kinds | None = None,
    judgements: Sequence[Judgement] = (),
) -> Decision:
    """Compare with the recipe's policy and with the `judgements` on its limits.

    Without parts of both kinds, among those that are judged and among those that the thresholds come from (`chosen`),
    nothing is known, so nothing is blessed. A loss against the former model counts when it is larger than allowed and
    its interval excludes chance.
    """
    for split, found in (("eval", chosen), ("test", measured)):
        if found is not None and not (found.defective and found.good):
            there = f"{found.defective} defective and {found.good} good parts held out"
            return Decision(False, (f"insufficient evidence: {there} (split {split}); both kinds are needed",), ())
    reasons = [judgement.text for judgement in judgements if not judgement.passed]
    remarks = [judgement.text for judgement in judgements if judgement.passed]
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
