"""`trainer predict`: a bundle over a folder of pictures or a table."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from edge_agent.contracts.command import json_option, report


@click.command()
@click.option("--root", type=click.Path(path_type=Path, file_okay=False), help="Its latest blessed model predicts.")
@click.option("--bundle", type=click.Path(path_type=Path, file_okay=False), help="This bundle predicts.")
@click.option("--model", "name", default="", help="Name of the model, where the root has several.")
@click.option("--variant", default="", help="Variant of the bundle; the chosen one unless given.")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Pictures, a CSV that names them, or a table of rows.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help=".csv, .parquet, .tfrecord")
@click.option("--batch", default=512, show_default=True, type=click.IntRange(1), help="How many at once.")
@click.option("--max-bad", default=0.01, show_default=True, type=click.FloatRange(0, 1), help="Share that may be bad.")
@click.option("--delimiter", default=",", show_default=True, help="What parts the cells of a table.")
@json_option
def predict(
    root: Path | None,
    bundle: Path | None,
    name: str,
    variant: str,
    data: Path,
    out: Path,
    batch: int,
    max_bad: float,
    delimiter: str,
    as_json: bool,
) -> None:
    """Predict everything in a folder or table; killed and run again, it goes on.

    Example: trainer predict --root work --data new-parts --out predictions.csv
    """
    from edge_agent.contracts.errors import ConfigError
    from trainer.pipeline.progress import display
    from trainer.predictions.job import Wishes
    from trainer.predictions.job import predict as run
    from trainer.predictions.latest import latest_bundle
    from trainer.predictions.scoring import open_model

    if (root is None) == (bundle is None):
        raise ConfigError("predict with what? give either --root ROOT or --bundle FOLDER")
    model = open_model(bundle or latest_bundle(root or Path(), name), variant)
    shown = display(sys.stderr)
    shown.begin("predict")
    try:
        work = out.with_name(f".{out.name}.work")
        made = run(
            model,
            data,
            out,
            work,
            Wishes(batch, max_bad, 0, delimiter),
            lambda text, n: shown.progress("predict", text, n),
        )
    finally:
        shown.close()
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in made["verdicts"].items())
    bad = f"; {made['bad']} bad, see {out.name}.bad.csv" if made["bad"] else ""
    report(
        as_json,
        made,
        lambda: click.echo(f"{out}: {made['parts']} {'rows' if 'rows' in made else 'parts'} ({verdicts}){bad}"),
    )
