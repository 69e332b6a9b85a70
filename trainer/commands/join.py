"""`trainer pipeline join`: another machine takes part in a training."""

from __future__ import annotations

from pathlib import Path

import click

from edge_agent.contracts.command import json_option, report


@click.command()
@click.option(
    "--root", required=True, type=click.Path(path_type=Path, file_okay=False), help="The pipeline's root, shared."
)
@click.option("--patience", default=3600.0, show_default=True, help="Seconds to wait for the chief's training.")
@json_option
def join(root: Path, patience: float, as_json: bool) -> None:
    """Train with the pipeline that worker 0 runs in ROOT with trainer.strategy=multi-worker; see docs/scale.md.

    TF_CONFIG says which worker this is. ROOT lies on storage that all workers share, at the same path.

    Example: TF_CONFIG='{"cluster": …}' trainer pipeline join --root /mnt/work
    """
    import os
    import time

    from trainer.distribute.cluster import VARIABLE, parse_cluster
    from trainer.distribute.joining import join as join_training

    cluster = parse_cluster(os.environ.get(VARIABLE, ""))

    def tell(text: str, done: float | None) -> None:
        click.echo(f"worker {cluster.index}: {text}" + ("" if done is None else f", {done:.0%}"), err=True)

    join_training(root, cluster, tell, time.sleep, patience)
    report(as_json, {"worker": cluster.index, "done": True}, lambda: click.echo("the training is done"))
