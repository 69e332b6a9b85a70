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

    if not rows:
        click.echo(empty)
        return
    shown = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        shown.add_row(*("-" if cell is None else str(cell) for cell in row))
    Console().print(shown)
