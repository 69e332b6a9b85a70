"""Whether a model may go on: the recipe's section `blessing` as limits, and the decision on all of them. Rules only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_agent.contracts.recipe import Blessing
from trainer.evaluation.limits import Judgement
from trainer.evaluation.rates import Bools, Scores, auroc
from trainer.evaluation.resampling import interval
from trainer.evaluation.settings import ChangeSettings, LimitSettings


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


def change(now: Scores, former: Scores, defective: Bools, name: str, seed: int = 1) -> Change:
    """Compare two models on the same parts by a paired bootstrap."""
    low, high = interval(
        defective, lambda draw: auroc(former[draw], defective[draw]) - auroc(now[draw], defective[draw]), seed
    )
    return Change(auroc(former, defective) - auroc(now, defective), low, high, name)


def limits_of(policy: Blessing) -> tuple[LimitSettings, ...]:
    """Return the recipe's section as limits like the Evaluator's own; what nothing can break is none.

    `regression_max` refuses a loss only beyond chance, unless the section wants proof: with few parts the same model
    trained twice differs by more than that.
    """
    found = []
    if policy.auroc_min > 0:
        found.append(LimitSettings(metric="part_auroc", lower=policy.auroc_min, require=policy.require))
    if policy.recall_min > 0:
        found.append(LimitSettings(metric="recall", lower=policy.recall_min, require=policy.require))
    if policy.overkill_max < 1:
        found.append(LimitSettings(metric="overkill", upper=policy.overkill_max, require=policy.require))
    if policy.regression_max < 1:
        allowed = ChangeSettings(allowed_drop=policy.regression_max)
        strict = policy.require == "proven"
        found.append(LimitSettings(metric="part_auroc", change=allowed, require="proven" if strict else "unbroken"))
    return tuple(found)


@dataclass(frozen=True)
class Kinds:
    """How many parts of each kind there are."""

    defective: int
    good: int


@dataclass(frozen=True)
class Decision:
    """Blessed or not, why not, and what else should be known."""

    blessed: bool
    reasons: tuple[str, ...]
    remarks: tuple[str, ...]


def decide(kinds: Mapping[str, Kinds], judgements: Sequence[Judgement]) -> Decision:
    """Bless what passes all limits.

    `kinds` are the parts by split: those that the thresholds come from, and those that are judged. Where one kind is
    missing in either, nothing is known, so nothing is blessed.
    """
    for split, found in kinds.items():
        if not (found.defective and found.good):
            there = f"{found.defective} defective and {found.good} good parts held out"
            return Decision(False, (f"insufficient evidence: {there} (split {split}); both kinds are needed",), ())
    reasons = tuple(judgement.text for judgement in judgements if not judgement.passed)
    return Decision(not reasons, reasons, tuple(judgement.text for judgement in judgements if judgement.passed))
