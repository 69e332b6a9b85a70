"""`trainer pipeline`: run it, and see what ran, why, and where a model came from."""

from __future__ import annotations

import click

from trainer.commands.export import export
from trainer.commands.join import join
from trainer.commands.past_runs import compare, log_to_mlflow, report_page
from trainer.commands.run import resume, run
from trainer.commands.store import gc, lineage, status, why


@click.group()
def pipeline() -> None:
    """Train, evaluate, convert and push; see what ran and why.

    Example: trainer pipeline run --recipe machined-surface --data parts --root work
    """


for command in (run, resume, status, why, lineage, gc, report_page, compare, log_to_mlflow, join, export):
    pipeline.add_command(command)
