"""The degree of automation in the journal: every change with who, when and why, and the evidence for the next."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from edge_agent.contracts.events import Fault
from edge_agent.contracts.messages import Caution, Desired, decode
from edge_agent.contracts.verdict import Automation
from edge_agent.decision.automation import Cause, Change
from edge_agent.decision.promotion import Evidence
from edge_agent.journal import outbox
from edge_agent.journal.database import Database, Rows

FAULT = "automation-demoted"


@dataclass(frozen=True)
class Entry:
    """A change as it is shown; `at_ms` since 1970."""

    at_ms: int
    before: str
    after: str
    cause: str
    who: str
    why: str
    recipe: str


def last_change(journal: Rows) -> Change | None:
    """Return the change that holds for the recipe in force, None where the station has never run with its model."""
    found = journal.rows("last_automation")
    if not found:
        return None
    before, after, cause, who, why, word, demoted = found[0]
    return Change(Automation(before), Automation(after), Cause(cause), who, why, Automation(word), bool(demoted))


def history(journal: Rows, limit: int = 20) -> list[Entry]:
    """Return the last changes, the newest first."""
    return [Entry(*row) for row in journal.rows("automation_history", limit=limit)]


def mistrust(caution: Caution | None, bundle: str | None) -> str:
    """Return why the fleet mistrusts this model, "" where it does not: a caution about another one says nothing."""
    if caution is None or caution.bundle != bundle:
        return ""
    ticket = f" ({caution.ticket})" if caution.ticket else ""
    return f"the fleet sees drift{ticket}: {caution.reason}"


def standing_caution(journal: Rows) -> Caution | None:
    """Return the caution of the desired state that the station follows now."""
    found = journal.rows("read_installation")
    desired = found[0][3] if found else None
    return decode(Desired, desired.encode()).caution if desired else None


def record(database: Database, boot: UUID, change: Change, now_ms: int) -> None:
    """Write a change down, and tell the fleet of a demotion and of its end, within the caller's transaction."""
    last = last_change(database)
    database.run(
        "add_automation",
        at_ms=now_ms,
        before=change.before.value,
        after=change.after.value,
        cause=change.cause.value,
        who=change.who,
        why=change.why,
        word=change.word.value,
        demoted=int(change.demoted),
    )
    was = last is not None and last.demoted
    if was != change.demoted or change.cause is Cause.DEMOTED:
        detail = f"{change.before.value} to {change.after.value}: {change.why}"[:500]
        outbox.append_event(database, boot, Fault(code=FAULT, active=change.demoted, detail=detail), now_ms)


def read_evidence(journal: Rows, bundle: str, parts: int) -> Evidence:
    """Count the answers on the fair sample of the last `parts` parts of a model, since the last demotion."""
    last = int(journal.rows("last_part")[0][0])
    since = max(int(journal.rows("last_demotion")[0][0]), last - parts)
    counts: dict[tuple[str, str | None], int] = {}
    for opinion, answer, count in journal.rows("evidence", since=since, bundle=bundle):
        counts[opinion, answer] = counts.get((opinion, answer), 0) + count

    def those(opinion: str, *answers: str) -> int:
        return sum(counts.get((opinion, answer), 0) for answer in answers)

    both = ("accept", "reject")
    return Evidence(
        accepted=those("accept", *both),
        escapes=those("accept", "reject"),
        rejected=those("reject", *both),
        overkills=those("reject", "accept"),
        unsure=those("review", *both),
        unsure_good=those("review", "accept"),
        unanswered=sum(count for (_, answer), count in counts.items() if answer is None),
    )
