"""`edge-agent pin`: the people who may decide parts at this station."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.contracts.command import json_option, report

if TYPE_CHECKING:
    from edge_agent.station.pinbook import PinBook

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path),
    required=True,
    envvar="LINESIDE_HOME",
    help="The station's folder, as given to 'edge-agent enrol'.",
)


@click.group(name="pin", short_help="Who may decide parts at the operator page.")
def pin() -> None:
    """Manage the PINs with which people log in at the operator page.

    Example: edge-agent pin add Anna --home /var/lib/lineside
    """


@pin.command("add")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["operator", "supervisor"]),
    default="operator",
    show_default=True,
    help="What NAME may do.",
)
@click.option(
    "--pin",
    "digits",
    prompt="PIN",
    hide_input=True,
    confirmation_prompt=True,
    help="4 to 12 digits; asked for if left out.",
)
@home_option
@json_option
def add(name: str, role: str, digits: str, home: Path, as_json: bool) -> None:
    """Add a person, or give one a new PIN or role; it holds at once.

    Example: edge-agent pin add Anna --role supervisor --home /var/lib/lineside
    """
    from edge_agent.station.pinbook import Role, clean_name

    new = _book(home).add(name, digits, Role(role))
    result = {"name": clean_name(name), "role": role, "added": new}
    report(as_json, result, lambda: click.echo(f"{result['name']} ({role}) {'added' if new else 'has a new PIN'}"))


@pin.command("remove")
@click.argument("name")
@home_option
@json_option
def remove(name: str, home: Path, as_json: bool) -> None:
    """Remove a person and end the sessions that are open under the name.

    Example: edge-agent pin remove Anna --home /var/lib/lineside
    """
    _book(home).remove(name)
    report(as_json, {"name": name, "removed": True}, lambda: click.echo(f"{name} removed"))


@pin.command("list")
@home_option
@json_option
def list_names(home: Path, as_json: bool) -> None:
    """List names and roles.

    Example: edge-agent pin list --home /var/lib/lineside
    """
    rows = [{"name": name, "role": entry.role.value} for name, entry in _book(home).entries().items()]

    def human() -> None:
        for row in rows:
            click.echo(f"{row['name']}: {row['role']}")
        if not rows:
            click.echo("nobody yet; add someone with: edge-agent pin add NAME")

    report(as_json, {"operators": rows}, human)


def _book(home: Path) -> PinBook:
    from edge_agent.contracts.errors import ConfigError
    from edge_agent.station.pinbook import PinBook, book_of

    if not home.is_dir():
        raise ConfigError(f"{home}: no such folder; create it with 'edge-agent enrol FILE --home {home}'")
    return PinBook(book_of(home))
