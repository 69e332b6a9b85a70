"""Orders to make another product, in the journal: which, from whom, when, and when the station was ready for it."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from edge_agent.journal.database import Database, Rows


class Ordered(NamedTuple):
    """One order. `part` is the last part before it; `ready_ms` is None until the station was ready."""

    id: int
    recipe: str
    who: str
    at_ms: int
    ready_ms: int | None
    part: int


def last(journal: Rows) -> Ordered | None:
    """Return the order that holds; None at a station that was never given one."""
    found = journal.rows("last_changeover")
    return Ordered(*found[0]) if found else None


def order(database: Database, boot: UUID, recipe: str, who: str, in_force: str, now_ms: int) -> None:
    """Order a recipe. With the first order, what was decided before belongs to the one then `in_force`, "" for none."""
    with database.transaction():
        if in_force and last(database) is None:
            database.run("automation_of_first_recipe", recipe=in_force)
        database.run("order_changeover", at_ms=now_ms, boot=str(boot), recipe=recipe, who=who)


def ready(database: Database, number: int, now_ms: int) -> None:
    """Note that the station makes what was ordered."""
    with database.transaction():
        database.run("changed_over", id=number, at_ms=now_ms)
