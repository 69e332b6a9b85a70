"""How much the machine may decide alone, what that makes of its opinion, and which degree is in force. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edge_agent.contracts.verdict import Automation, Reason, Verdict

ALWAYS_A_PERSON = frozenset({Automation.HUMAN, Automation.SHADOW, Automation.ASSIST})
LADDER = tuple(Automation)
"""The degrees from nothing to everything."""


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


def rank(degree: Automation) -> int:
    """Return the degree's place on the ladder, 0 for `human`."""
    return LADDER.index(degree)


def next_degree(degree: Automation) -> Automation | None:
    """Return the degree one step higher; None at the top."""
    return LADDER[rank(degree) + 1] if rank(degree) + 1 < len(LADDER) else None


def lower(one: Automation, other: Automation) -> Automation:
    """Return the lower of two degrees."""
    return min(one, other, key=rank)


class Cause(str, Enum):
    """What moved the degree: an instruction (fleet, `station.yaml`, recipe), a person, or the station itself."""

    WORD = "word"
    SET = "set"
    PROMOTED = "promoted"
    DEMOTED = "demoted"


@dataclass(frozen=True)
class Change:
    """The degree has moved. `word` is the instruction that held then; `demoted`: a demotion is not yet made good."""

    before: Automation
    after: Automation
    cause: Cause
    who: str
    why: str
    word: Automation
    demoted: bool = False


def in_force(last: Change | None, word: Automation) -> Automation:
    """Return the degree that holds under an instruction, given the last change.

    An instruction that is only repeated changes nothing, so that what was decided at the station outlives restarts. A
    new one wins, but none lifts a demotion: it may lower the degree further, and coming back needs a promotion.
    """
    if last is None:
        return word
    if last.word is word:
        return last.after
    return lower(last.after, word) if last.demoted else word


def followed(last: Change | None, word: Automation, who: str) -> Change | None:
    """Return the change that a new instruction makes, None where it says nothing new."""
    if last is not None and last.word is word:
        return None
    after = in_force(last, word)
    why = "the first instruction" if last is None else f"told to be at {word.value}"
    held = last is not None and last.demoted and after is not word
    why += "; a demotion holds it lower" if held else ""
    before = last.after if last is not None else word
    return Change(before, after, Cause.WORD, who, why, word, bool(last and last.demoted and after is not word))


def demotion(last: Change | None, degree: Automation, word: Automation, target: Automation, why: str) -> Change | None:
    """Return the change to `target`; None where the machine decides no more than that already."""
    if rank(degree) <= rank(target):
        return None
    return Change(degree, target, Cause.DEMOTED, "the station", why, word, True)


def moved(last: Change | None, degree: Automation, word: Automation, after: Automation, who: str, why: str) -> Change:
    """Return a person's change: a promotion makes a demotion good, a lowering does not."""
    up = rank(after) > rank(degree)
    still = bool(last and last.demoted and not up)
    return Change(degree, after, Cause.PROMOTED if up else Cause.SET, who, why, word, still)
