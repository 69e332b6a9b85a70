"""What people do with the degree of automation, at the page and by command: look, promote by the gate, lower."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from edge_agent.automation.ledger import (
    history,
    last_change,
    mistrust,
    read_evidence,
    record,
    standing_caution,
)
from edge_agent.automation.settings import PromotionConfig
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.verdict import Automation
from edge_agent.decision.automation import Change, demotion, moved, rank
from edge_agent.decision.promotion import Prospect, prospect, reason_to_demote
from edge_agent.journal.database import Database, Rows


@dataclass(frozen=True)
class Standing:
    """The degree in force, whether the station went there by itself, and what stands between it and the next.

    `mistrust` is why the fleet mistrusts the model now; while it does, no step leads above `promotion.demote_to`.
    """

    last: Change
    prospect: Prospect
    mistrust: str = ""

    def plain(self, journal: Rows) -> dict[str, Any]:
        """Return all as plain values, with the last changes."""
        found = self.prospect
        return {
            "degree": found.degree.value,
            "word": self.last.word.value,
            "demoted": self.last.demoted,
            "why": self.last.why,
            "mistrust": self.mistrust,
            "next": found.next.value if found.next else None,
            "allowed": found.allowed,
            "missing": list(found.missing),
            "evidence": {**asdict(found.evidence), "answered": found.evidence.answered},
            "rates": [{**asdict(rate), "share": rate.share, "met": rate.met} for rate in found.rates],
            "history": [asdict(entry) for entry in history(journal)],
        }


def standing(journal: Rows, bundle: str | None, config: PromotionConfig) -> Standing:
    """Read the journal. Raises Rejected where the station has no model, or has not run with one."""
    last = last_change(journal)
    if last is None or bundle is None:
        raise Rejected("no model has judged at this station yet, so there is no degree; start it with a model first")
    found = prospect(last.after, read_evidence(journal, bundle, config.evidence_parts), config.gate)
    why = mistrust(standing_caution(journal), bundle)
    if why and found.next is not None and rank(found.next) > rank(config.demote_to):
        found = replace(found, missing=(f"{why}; nothing goes up before the fleet's ticket is closed", *found.missing))
    return Standing(last, found, why)


def promote(
    database: Database, boot: UUID, bundle: str | None, config: PromotionConfig, who: str, why: str, now_ms: int
) -> Change:
    """Go one step up. Raises Rejected with what is missing where the gate is closed, and while it is locked."""
    with database.transaction():
        if database.rows("challenge_locked"):
            raise Rejected("the station is locked since a challenge part failed; unlock it and pass all of them first")
        now = standing(database, bundle, config)
        target = now.prospect.next
        if target is None or not now.prospect.allowed:
            missing = "; ".join(now.prospect.missing)
            raise Rejected(f"{now.last.after.value} cannot go to {target.value if target else 'more'} yet: {missing}")
        change = moved(now.last, now.last.after, now.last.word, target, who, why)
        record(database, boot, change, now_ms)
        return change


def lower_to(database: Database, boot: UUID, after: Automation, who: str, why: str, now_ms: int) -> Change:
    """Let the machine decide less. Raises Rejected for a degree that is not lower."""
    with database.transaction():
        last = last_change(database)
        if last is None:
            raise Rejected("no model has judged at this station yet, so there is nothing to lower; start it first")
        if rank(after) >= rank(last.after):
            raise Rejected(
                f"{after.value} is not lower than {last.after.value}; "
                "a higher degree needs evidence: edge-agent automation promote"
            )
        change = moved(last, last.after, last.word, after, who, why)
        record(database, boot, change, now_ms)
        return change


def demote_by_evidence(
    database: Database, boot: UUID, bundle: str | None, config: PromotionConfig, now_ms: int
) -> Change | None:
    """Go down where the audit proves too many escapes; return the change, None where there is no reason."""
    if bundle is None:
        return None
    with database.transaction():
        last = last_change(database)
        why = reason_to_demote(read_evidence(database, bundle, config.evidence_parts), config.gate)
        change = demotion(last, last.after, last.word, config.demote_to, why) if last and why else None
        if change is not None:
            record(database, boot, change, now_ms)
        return change
