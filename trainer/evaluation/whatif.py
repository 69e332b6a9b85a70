"""What other thresholds would do: the choice again, on answers that are there already. Rules only."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from converter.confidence import Cost, choose_thresholds
from edge_agent.contracts.bounds import more_needed
from edge_agent.contracts.bundle import ThresholdPair
from edge_agent.contracts.recipe import Thresholds
from trainer.evaluation.answers import Predictions
from trainer.evaluation.assessment import evidence
from trainer.evaluation.rates import inspect
from trainer.evaluation.slices import measure_parts, measure_slices

LADDER = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Escape rates that are shown beside the one that is asked for."""


def replay(
    predictions: Predictions, combine: str, policy: Thresholds, cost: Cost | None, least: int = 10
) -> dict[str, Any]:
    """Choose thresholds for `policy` and measure them on the test parts, overall, by slice and beside other targets.

    Where the held-out defective parts cannot carry the target the answer is `refused`, with how many more are needed.
    """
    pair = choose(predictions, combine, policy, cost)
    overall = measure_parts(predictions.test.by_part(combine), pair, cost)
    held = predictions.splits[predictions.chosen].by_part(combine)
    more = more_needed(0, pair.defective_parts, policy.escape_rate, policy.confidence)
    return {
        "policy": policy.model_dump(),
        "cost": asdict(cost) if cost else None,
        "thresholds": pair.model_dump(mode="json"),
        "refused": pair.evidence != "bound",
        "missing": {"defective": more if pair.evidence != "bound" else 0, "good": 0 if (~held.defective).any() else 1},
        "inspection": asdict(overall.inspection),
        "evidence": asdict(evidence(overall.inspection.escape, policy)),
        "slices": [asdict(one) for one in measure_slices(predictions.test, combine, pair, cost, least)],
        "ladder": [_rung(predictions, combine, policy, cost, rate) for rate in LADDER],
    }


def choose(predictions: Predictions, combine: str, policy: Thresholds, cost: Cost | None) -> ThresholdPair:
    """Choose the thresholds as the Evaluator does."""
    held = predictions.splits[predictions.chosen].by_part(combine)
    return choose_thresholds(held.scores, held.defective, policy, cost)


def _rung(predictions: Predictions, combine: str, policy: Thresholds, cost: Cost | None, rate: float) -> dict[str, Any]:
    asked = policy.model_copy(update={"escape_rate": rate})
    pair = choose(predictions, combine, asked, cost)
    parts = predictions.test.by_part(combine)
    at_work = inspect(parts.scores, parts.defective, pair.accept_below, pair.reject_above, cost)
    return {
        "escape_rate": rate,
        "refused": pair.evidence != "bound",
        "missing": more_needed(0, pair.defective_parts, rate, policy.confidence),
        "accept_below": pair.accept_below,
        "reject_above": pair.reject_above,
        "escape": asdict(at_work.escape),
        "overkill": asdict(at_work.overkill),
        "review": asdict(at_work.review),
        "cost": asdict(at_work.cost) if at_work.cost else None,
    }
