"""How much the machine may decide alone, and what that makes of its opinion."""

from __future__ import annotations

from edge_agent.contracts.verdict import Automation, Reason, Verdict

ALWAYS_A_PERSON = frozenset({Automation.HUMAN, Automation.SHADOW, Automation.ASSIST})


def permitted(opinion: Verdict, automation: Automation) -> tuple[Verdict, Reason]:
    """Return verdict and reason for the machine's opinion at a degree of automation.

    Below `partial` a person decides every part. At `partial` the machine decides what it is sure of. At `full` nobody
    is asked, so what it is unsure of is rejected.
    """
    reason = Reason.UNSURE if opinion is Verdict.REVIEW else Reason.MODEL
    if automation in ALWAYS_A_PERSON:
        return Verdict.REVIEW, reason
    if automation is Automation.FULL and opinion is Verdict.REVIEW:
        return Verdict.REJECT, reason
    return opinion, reason
