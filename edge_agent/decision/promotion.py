"""Whether the machine may decide more, and whether it must decide less: exact bounds on what people answered. No I/O.

The counts are of parts drawn without regard to their score (docs/adr/009-promotion-by-audited-parts.md): all parts
below `partial`, a uniform share of all judged parts from there on. The unsure parts that people see anyway at `partial`
are no fair sample and count only where they were drawn too.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.contracts.bounds import lower_bound, more_needed, upper_bound
from edge_agent.contracts.verdict import Automation
from edge_agent.decision.automation import next_degree, rank

_SLIP = 2


@dataclass(frozen=True)
class Gate:
    """What must be proven, with `confidence`: shares 0..1, and the least number of answered parts."""

    agreement: float = 0.95
    escape: float = 0.01
    overkill: float = 0.05
    confidence: float = 0.95
    parts: int = 300
    unanswered: float = 0.1


@dataclass(frozen=True)
class Evidence:
    """Answered parts of a fair sample by the machine's opinion, those where people say the other thing, and the rest.

    `escapes`: accepted and defective; `overkills`: rejected and good; `unsure_good`: unsure and good; `unanswered`:
    drawn, but nobody has answered.
    """

    accepted: int = 0
    escapes: int = 0
    rejected: int = 0
    overkills: int = 0
    unsure: int = 0
    unsure_good: int = 0
    unanswered: int = 0

    @property
    def answered(self) -> int:
        """All parts of the sample with an answer."""
        return self.accepted + self.rejected + self.unsure

    @property
    def sure(self) -> int:
        """Those of which the machine had an opinion."""
        return self.accepted + self.rejected

    @property
    def good(self) -> int:
        """Those that people call good."""
        return self.accepted - self.escapes + self.overkills + self.unsure_good


@dataclass(frozen=True)
class Rate:
    """A share of unwanted answers with its one-sided upper bound and the limit it must keep.

    `more` is how many further parts without an unwanted answer are needed; 0 where the limit is kept.
    """

    name: str
    events: int
    trials: int
    bound: float
    limit: float
    more: int

    @property
    def share(self) -> float | None:
        """Events per trial, None without trials."""
        return self.events / self.trials if self.trials else None

    @property
    def met(self) -> bool:
        """Whether the bound keeps the limit."""
        return self.bound <= self.limit


@dataclass(frozen=True)
class Prospect:
    """What the next degree would be, on what evidence, and what is missing for it, in plain words."""

    degree: Automation
    next: Automation | None
    evidence: Evidence
    rates: tuple[Rate, ...]
    missing: tuple[str, ...]

    @property
    def allowed(self) -> bool:
        """Whether the step may be taken."""
        return self.next is not None and not self.missing


def rates(evidence: Evidence, gate: Gate, target: Automation) -> tuple[Rate, ...]:
    """Return disagreement, escapes and overkill as they would be at `target`.

    Disagreement: of the parts of which the machine is sure. Escapes: defective ones among those it accepts. Overkill:
    of the good parts those it rejects; at `full` the unsure ones too, for there nobody is asked.
    """
    unsure = evidence.unsure_good if target is Automation.FULL else 0
    return (
        _rate("disagreement", evidence.escapes + evidence.overkills, evidence.sure, 1.0 - gate.agreement, gate),
        _rate("escapes", evidence.escapes, evidence.accepted, gate.escape, gate),
        _rate("overkill", evidence.overkills + unsure, evidence.good, gate.overkill, gate),
    )


def _rate(name: str, events: int, trials: int, limit: float, gate: Gate) -> Rate:
    bound = upper_bound(events, trials, gate.confidence)
    return Rate(name, events, trials, bound, limit, more_needed(events, trials, limit, gate.confidence))


def prospect(degree: Automation, evidence: Evidence, gate: Gate) -> Prospect:
    """Return whether the next step may be taken and why not.

    Up to `shadow` the machine changes nothing, so nothing is asked; `assist` needs agreement, for its word is seen
    before people decide; from `partial` on all bounds must hold.
    """
    target = next_degree(degree)
    found = rates(evidence, gate, target or degree)
    if target is None:
        return Prospect(degree, None, evidence, found, ("this is the highest degree",))
    if rank(target) <= rank(Automation.SHADOW):
        return Prospect(degree, target, evidence, found, ())
    asked = found if rank(target) >= rank(Automation.PARTIAL) else found[:1]
    words = [*_counts(evidence, gate), *(_lacking(rate, degree) for rate in asked if not rate.met)]
    return Prospect(degree, target, evidence, found, tuple(words))


def _counts(evidence: Evidence, gate: Gate) -> list[str]:
    words = []
    if evidence.answered < gate.parts:
        words.append(f"{gate.parts - evidence.answered} more answered parts needed, {evidence.answered} so far")
    drawn = evidence.answered + evidence.unanswered
    if drawn and evidence.unanswered > gate.unanswered * drawn:
        words.append(
            f"{evidence.unanswered} of {drawn} drawn parts have no answer, at most {gate.unanswered:.0%} may lack"
            " one: those without may be the difficult ones"
        )
    return words


_OF = {
    "disagreement": ("answered parts on which person and machine agree", "disagree"),
    "escapes": ("accepted parts without an escape", "were defective"),
    "overkill": ("good parts that are not rejected", "would be rejected"),
}


def _lacking(rate: Rate, degree: Automation) -> str:
    what, wrong = _OF[rate.name]
    audited = "audited " if rank(degree) >= rank(Automation.PARTIAL) else ""
    return (
        f"{rate.more} more {audited}{what} needed: {rate.events} of {rate.trials} {wrong}, "
        f"so up to {rate.bound:.2%} may, and the limit is {rate.limit:.2%}"
    )


def reason_to_demote(evidence: Evidence, gate: Gate) -> str:
    """Return why the machine must decide less: more escapes than the limit, for certain; "" where there is no reason.

    The share's lower bound must lie above the limit, and one escape alone may be a slip of the person who answered.
    """
    low = lower_bound(evidence.escapes, evidence.accepted, gate.confidence)
    if evidence.escapes < _SLIP or low <= gate.escape:
        return ""
    return (
        f"people called {evidence.escapes} of {evidence.accepted} audited accepted parts defective: "
        f"at least {low:.2%} escape, the limit is {gate.escape:.2%}"
    )
