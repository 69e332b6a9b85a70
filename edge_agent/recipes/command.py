"""`edge-agent recipe`: which product is made, and the changeover to another one."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.command import json_option, report
from edge_agent.options import home_option


@click.group(name="recipe", short_help="Which product is made, and the changeover to another.")
def recipe() -> None:
    """Show the products of this station, or change over to another one. A PLC that asks for a recipe has the last word.

    Example: edge-agent recipe show --home /var/lib/station
    """


@recipe.command()
@home_option
@json_option
def show(home: Path, as_json: bool) -> None:
    """List the recipes with their models, and the last changeovers.

    Example: edge-agent recipe show --home /var/lib/station
    """
    from edge_agent.home import Home
    from edge_agent.journal.reader import read_journal
    from edge_agent.recipes.board import board

    place = Home(home.absolute())
    recipes, pointer = _of(place)
    with read_journal(place.journal) as reader:
        found = board(reader, recipes, pointer)
    report(as_json, found, lambda: _say(found))


@recipe.command("set")
@click.argument("wish", metavar="NAME|NUMBER")
@home_option
@click.option("--name", default="command line", show_default=True, help="Who does it, for the journal.")
@json_option
def set_recipe(wish: str, home: Path, name: str, as_json: bool) -> None:
    """Change over: a running station follows within a second, and is not ready until it is done.

    Example: edge-agent recipe set leather --home /var/lib/station
    """
    from edge_agent.clock import SYSTEM
    from edge_agent.home import Home
    from edge_agent.journal.beside import journal_beside
    from edge_agent.recipes.board import chosen, order
    from edge_agent.status import hot_status

    place = Home(home.absolute())
    recipes, pointer = _of(place)
    by_plc = int(hot_status(place).get("recipe_by_plc", 0))
    with journal_beside(place.journal) as (database, boot):
        wanted = chosen(recipes, wish)
        done = order(database, boot, pointer, wanted, name[:60], by_plc, SYSTEM.wall_ms())
    report(as_json, done, lambda: click.echo(f"{done['before'] or 'none'} -> {done['ordered']}"))


def _of(place: Any) -> tuple[Any, Any]:
    from edge_agent.config import load_config
    from edge_agent.install.slots import Pointer

    config = load_config(place.config)
    return config.recipes, Pointer(place.root, config.model_names)


def _say(found: dict[str, Any]) -> None:
    if not found["recipes"]:
        click.echo("one product is made here; name several under 'recipes' in station.yaml")
    for row in found["recipes"]:
        mark = "*" if row["name"] == found["in_force"] else " "
        model = f"version {row['version']} ({row['bundle'][:12]})" if row["bundle"] else "no model yet"
        click.echo(f"{mark} {row['number']:>5}  {row['name']}  {model}")
    if found["ordered"] != found["in_force"]:
        click.echo(f"ordered: {found['ordered']}")
    for entry in found["history"]:
        at = datetime.fromtimestamp(entry["at_ms"] / 1e3).astimezone().isoformat(" ", "seconds")
        took = "not finished" if entry["seconds"] is None else f"{entry['seconds']:.1f} s"
        click.echo(f"{at}  {entry['recipe']}  by {entry['who']}  {took}")
