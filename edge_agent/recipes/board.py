"""What people see of the recipes and how they order another one, at the page and by command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from edge_agent.contracts.bundle import MANIFEST
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.home import read_json
from edge_agent.install.slots import Pointer, bundle_folder
from edge_agent.journal import changeovers
from edge_agent.journal.database import Database, Rows

_HISTORY = 20


def board(journal: Rows, recipes: Mapping[int, str], pointer: Pointer) -> dict[str, Any]:
    """Return all recipes with their models, the one in force, the one that was ordered, and the last changeovers."""
    slots, ordered = pointer.read(), changeovers.last(journal)
    return {
        "in_force": slots.recipe,
        "ordered": ordered.recipe if ordered is not None else slots.recipe,
        "recipes": [_row(number, name, pointer) for number, name in sorted(recipes.items())],
        "history": [
            {"at_ms": at_ms, "recipe": recipe, "who": who, "seconds": _seconds(at_ms, ready_ms)}
            for at_ms, recipe, who, ready_ms in journal.rows("changeovers", limit=_HISTORY)
        ],
    }


def _row(number: int, name: str, pointer: Pointer) -> dict[str, Any]:
    slots = pointer.of(name)
    manifest = read_json(bundle_folder(pointer.root, slots.active).folder / MANIFEST) if slots.active else {}
    found = {"version": manifest.get("version"), "release": slots.releases.get(slots.active or "")}
    return {"number": number, "name": name, "bundle": slots.active, **found}


def _seconds(at_ms: int, ready_ms: int | None) -> float | None:
    """Return how long a changeover took; None where it was never finished or the clock was set back meanwhile."""
    return None if ready_ms is None or ready_ms < at_ms else (ready_ms - at_ms) / 1e3


def named(recipes: Mapping[int, str], wish: str) -> str:
    """Return the name of a recipe that is meant by its name or its number; "" for a number that is not there."""
    return recipes.get(int(wish), "") if wish.isdecimal() else wish


def chosen(recipes: Mapping[int, str], wish: str) -> str:
    """Return the recipe that a person means by its name or its number. Raises ConfigError."""
    if not recipes:
        raise ConfigError("this station makes one product; name several under 'recipes' in station.yaml")
    name = named(recipes, wish)
    if name not in recipes.values():
        known = ", ".join(f"{number} {each}" for number, each in sorted(recipes.items()))
        raise ConfigError(f"no recipe '{wish[:60]}'; known: {known}")
    return name


def order(
    database: Database, boot: UUID, pointer: Pointer, recipe: str, who: str, by_plc: int, now_ms: int
) -> dict[str, Any]:
    """Order a recipe for a person. Raises Rejected without a model for it, and while the PLC asks for `by_plc`."""
    if by_plc:
        raise Rejected(f"the PLC chooses here: it asks for recipe {by_plc}; change it there, or set its register to 0")
    if pointer.of(recipe).active is None:
        raise Rejected(f"no model is installed for recipe '{recipe}'; roll one out to this station first")
    before = pointer.read().recipe
    changeovers.order(database, boot, recipe, who, before or "", now_ms)
    return {"before": before, "ordered": recipe}
