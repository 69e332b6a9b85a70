"""`trainer watch`: serve the fleet's retrain tickets."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from edge_agent.contracts.command import json_option, report

_HELP = {"help_option_names": ["-h", "--help"]}


@click.command(context_settings=_HELP)
@click.option(
    "--fleet-home", required=True, type=click.Path(path_type=Path, file_okay=False), help="Home of the fleet."
)
@click.option("--root", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of all results.")
@click.option("--recipe", required=True, help="Recipe file, or the name of one that ships with Lineside.")
@click.option(
    "--data", "folders", required=True, multiple=True, type=click.Path(path_type=Path), help="Folder with labels.csv."
)
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting, e.g. epochs=5.")
@click.option("--mode", type=click.Choice(["manual", "assisted", "automatic"]), help="The ticket's own unless given.")
@click.option("--once", is_flag=True, help="Look once and end.")
@click.option("--every", default=10.0, show_default=True, help="Seconds between two looks.")
@json_option
def watch(
    fleet_home: Path,
    root: Path,
    recipe: str,
    folders: tuple[Path, ...],
    assignments: tuple[str, ...],
    mode: str | None,
    once: bool,
    every: float,
    as_json: bool,
) -> None:
    """Serve retrain tickets: `manual` shows them, `assisted` trains, `automatic` also publishes and rolls out.

    Example: trainer watch --fleet-home fleet --root work --recipe machined-surface --data parts --mode assisted
    """
    from trainer import retrain
    from trainer.pipeline.progress import display
    from trainer.run import Request

    request = Request(recipe, folders, root, assignments)

    def say(text: str) -> None:
        click.echo(text, err=True)

    if not once:
        retrain.watch(request, fleet_home, mode or "", lambda: display(sys.stderr), say, every)
    found = retrain.watch_once(request, fleet_home, mode or "", lambda: display(sys.stderr), say)
    report(as_json, {"tickets": found}, lambda: click.echo(f"{len(found)} tickets"))
