"""Options and outputs that several sub-commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleet.home import Home, default_home

if TYPE_CHECKING:
    from fleet.client import Client

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path),
    default=default_home,
    help="The fleet's folder. [default: $LINESIDE_FLEET_HOME or ~/.lineside/fleet]",
)


def connect(home: Path) -> Client:
    """Return a client of the server that serves `home`."""
    from fleet.client import Client

    return Client.of(Home(home))


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """Print rows under headings, or say that there are none."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        click.echo(empty)
        return
    shown = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        shown.add_row(*(Text("-" if cell is None else plain(str(cell))) for cell in row))
    Console().print(shown)


def plain(text: str) -> str:
    """Return a text without control characters: devices have a say in some, and none may steer the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def ago(now_s: float, seen_ms: int | None) -> str | None:
    """Return how long ago a time in ms was, in its largest unit; None where there is none."""
    if seen_ms is None:
        return None
    seconds = max(0, int(now_s - seen_ms / 1000))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
