"""`trainer watch`: serve the fleet's retrain tickets."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.command import json_option, report
from trainer.commands.options import root_option


@click.command()
@click.option(
    "--fleet-home", required=True, type=click.Path(path_type=Path, file_okay=False), help="Home of the fleet."
)
@root_option
@click.option("--recipe", required=True, help="Recipe file, or the name of one that ships with Lineside.")
@click.option(
    "--data", "folders", required=True, multiple=True, type=click.Path(path_type=Path), help="Folder with labels.csv."
)
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting, e.g. epochs=5.")
@click.option("--mode", type=click.Choice(["manual", "assisted", "automatic"]), help="The ticket's own unless given.")
@click.option("--evaluate-every", "often", default="", help="Judge the live model on new labels: 12h, 1d, …")
@click.option("--once", is_flag=True, help="Look once and end.")
@click.option(
    "--every",
    default=10.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds between two looks.",
)
@json_option
def watch(
    fleet_home: Path,
    root: Path,
    recipe: str,
    folders: tuple[Path, ...],
    assignments: tuple[str, ...],
    mode: str | None,
    often: str,
    once: bool,
    every: float,
    as_json: bool,
) -> None:
    """Serve retrain tickets: `manual` shows them, `assisted` trains, `automatic` also publishes and rolls out.

    With --evaluate-every the live model is judged on what people labelled since it was published; where its escape rate
    is proven to be above the target, the fleet opens a ticket.

    Example: trainer watch --fleet-home fleet --root work --recipe machined-surface --data parts --mode assisted
    """
    from edge_agent.contracts.errors import LinesideError
    from trainer.pipeline.progress import display
    from trainer.request import Request
    from trainer.retraining import tickets as retrain
    from trainer.retraining.live import evaluate_live, every_ms, is_due

    request = Request(recipe, folders, root, assignments)

    def say(text: str) -> None:
        click.echo(text, err=True)

    interval = every_ms(often) if often else 0

    def evaluate() -> dict[str, Any]:
        now_ms = time.time_ns() // 1_000_000
        if not interval or not is_due(root, interval, now_ms):
            return {}
        try:
            return evaluate_live(request, fleet_home, now_ms, say)
        except LinesideError as error:
            say(f"the live model was not evaluated: {error}")
            return {"evaluated": False, "reason": str(error)}

    if not once:
        retrain.watch(request, fleet_home, mode or "", lambda: display(sys.stderr), say, every, evaluate)
    evaluated = evaluate()
    found = retrain.watch_once(request, fleet_home, mode or "", lambda: display(sys.stderr), say)
    report(as_json, {"tickets": found, "evaluation": evaluated}, lambda: click.echo(f"{len(found)} tickets"))
