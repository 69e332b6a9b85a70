"""`trainer bless`: release a model that its evaluation refused, on record."""

from __future__ import annotations

import time
from pathlib import Path

import click

from edge_agent.contracts.command import json_option, report
from trainer.commands.options import root_option


@click.command()
@click.argument("model", metavar="MODEL-or-RUN")
@root_option
@click.option("--reason", required=True, help="Why the model may be used all the same.")
@click.option("--by", required=True, help="Your name.")
@json_option
def bless(model: str, root: Path, reason: str, by: str, as_json: bool) -> None:
    """Release a refused model (the run's name, or the model's digest): the next run goes on from the Converter.

    Who did it, when and why is appended to ROOT/overrides.jsonl and stands in ML Metadata, in the lineage, in the run's
    report and in the bundle's model card. A model that does not run in the edge runtime cannot be released.

    Example: trainer bless 20261121-204210 --root work --by "A. Weber" --reason "few defective parts; 100 % audit"
    """
    from dataclasses import asdict

    from trainer.evaluation.override import override
    from trainer.inspect import metadata_url_of
    from trainer.pipeline.lock import file_lock
    from trainer.reports.index import write_index

    with file_lock(root / "locks" / "overrides"):
        made = override(root, model, by, reason, int(time.time() * 1000), metadata_url_of(root))
    write_index(root)
    report(as_json, asdict(made), lambda: click.echo(f"model {made.model[:12]} {made.text}\nrun the pipeline again"))
