"""`trainer tune`: the pipeline as far as the Tuner."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.command import json_option, report
from trainer.commands.options import root_option

_SHOWN = 10


@click.command()
@click.option("--recipe", required=True, help="Recipe file, or the name of one that ships with Lineside.")
@click.option(
    "--data", "folders", required=True, multiple=True, type=click.Path(path_type=Path), help="As for pipeline run."
)
@root_option
@click.option(
    "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting, e.g. tuner.trials=30."
)
@json_option
def tune(recipe: str, folders: tuple[Path, ...], root: Path, assignments: tuple[str, ...], as_json: bool) -> None:
    """Search hyper-parameters as the recipe's `pipeline: tuner:` says, and show the trials.

    What it finds is cached: 'trainer pipeline run' with the same settings trains with it. Killed and run again, it goes
    on.

    Example: trainer tune --recipe inspection.yaml --data parts --root work --set tuner.parallel=2
    """
    from trainer.pipeline.progress import display
    from trainer.request import Request
    from trainer.tuning.run import tune_pipeline

    found = tune_pipeline(Request(recipe, folders, root, assignments), display(sys.stderr))
    report(as_json, found, lambda: _show(found))


def _show(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    with Path(found["trials"]).open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    table = Table()
    for name in header:
        table.add_column(name, overflow="fold")
    sign = -1.0 if found["metric"] == "auroc" else 1.0
    ended = sorted(rows, key=lambda row: (row[1] != "complete", sign * float(row[2] or 0.0)))
    for row in ended[:_SHOWN]:
        table.add_row(*row)
    Console(markup=False, emoji=False).print(table)
    click.echo("; ".join(found["reasons"]))
    click.echo(f"all trials: {found['trials']}, {found['page']}")
