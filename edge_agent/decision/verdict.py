"""From a part's score, or from what went wrong, to its verdict. No I/O, no clock."""

from __future__ import annotations

from typing import NamedTuple

from edge_agent.contracts.bundle import ThresholdPair
from edge_agent.contracts.verdict import Automation, Reason, Verdict
from edge_agent.decision.automation import permitted


class Ruling(NamedTuple):
    """The verdict and why."""

    verdict: Verdict
    reason: Reason


def opinion(score: float, thresholds: ThresholdPair) -> Verdict:
    """Return what the machine thinks of a probability of defective: accept, reject, or review where it is unsure."""
    if score < thresholds.accept_below:
        return Verdict.ACCEPT
    return Verdict.REJECT if score >= thresholds.reject_above else Verdict.REVIEW


def judge(
    failure: Reason | None, score: float | None, thresholds: ThresholdPair, automation: Automation, late: bool
) -> Ruling:
    """Return the part's verdict. Whatever failed, a missing or unnumbered score, and lateness reject."""
    if failure is not None:
        return Ruling(Verdict.REJECT, failure)
    if late:
        return Ruling(Verdict.REJECT, Reason.LATE)
    if score is None or score - score != 0.0:
        return Ruling(Verdict.REJECT, Reason.MODEL_ERROR)
    return Ruling(*permitted(opinion(score, thresholds), automation))
