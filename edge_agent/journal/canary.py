"""What two models thought of the same part, in the journal; written within the caller's transaction."""

from __future__ import annotations

from typing import NamedTuple

from edge_agent.contracts.counts import canary_count
from edge_agent.journal.database import Database, Rows
from edge_agent.journal.facts import Drawn, SecondOpinion


class CanaryCounts(NamedTuple):
    """Parts drawn for a challenger: all, decided by it, of these disputed, and those where it was late or failed."""

    drawn: int = 0
    decided: int = 0
    disputed: int = 0
    late: int = 0
    failed: int = 0


def note_opinion(database: Database, part: int, opinion: SecondOpinion) -> None:
    """Write down what a challenger thinks of a part."""
    database.run(
        "second_opinion",
        part=part,
        bundle=opinion.bundle,
        verdict=opinion.verdict.value,
        reason=opinion.reason.value,
        score=opinion.score,
        label=opinion.label,
    )


def note_drawn(database: Database, part: int, drawn: Drawn) -> None:
    """Write down that a part was drawn for the challenger, what came of it, and what both thought; count it."""
    database.run(
        "add_canary",
        part=part,
        bundle=drawn.bundle,
        share=drawn.share,
        outcome=drawn.outcome.value,
        champion=drawn.champion,
        verdict=drawn.verdict.value,
        score=drawn.score,
        label=drawn.label,
    )
    if drawn.second is not None:
        note_opinion(database, part, drawn.second)
    names = ["drawn", drawn.outcome.value] + (["disputed"] if drawn.disputed else [])
    for what in names:
        database.run("raise_tally", name=canary_count(drawn.bundle, what), by=1)


def canary_counts(journal: Rows, bundle: str) -> CanaryCounts:
    """Return what became of the parts that were drawn for a challenger since the journal began."""
    tallies = dict(journal.rows("read_tallies"))
    return CanaryCounts(*(int(tallies.get(canary_count(bundle, what), 0)) for what in CanaryCounts._fields))
