"""`trainer data`: sample data."""

from __future__ import annotations

from pathlib import Path

import click

from edge_agent.contracts.command import json_option, report

_HELP = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=_HELP)
def data() -> None:
    """Make labelled sample data.

    Example: trainer data sample parts --parts 120
    """


@data.command(context_settings=_HELP)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--parts", default=120, show_default=True, help="Number of parts; 3 of 10 are defective.")
@click.option("--seed", default=1, show_default=True, help="Number of the series; the same one gives the same parts.")
@click.option("--brightness", default=1.0, show_default=True, help="Factor of the lighting; 0.6 = a darker lamp.")
@click.option("--blur", default=0.0, show_default=True, help="Defocus in pixels.")
@click.option("--first", default=0, show_default=True, help="Number of the first part of the series.")
@json_option
def sample(folder: Path, parts: int, seed: int, brightness: float, blur: float, first: int, as_json: bool) -> None:
    """Make camera-like pictures of machined surfaces with defects, masks and labels.csv in DIR.

    Example: trainer data sample parts --parts 120 --seed 7
    """
    from trainer.samples.generate import generate_samples

    counts = generate_samples(folder, parts, seed, brightness, blur, first=first)
    report(
        as_json,
        {"parts": counts.parts, "images": counts.images},
        lambda: click.echo(f"{counts.images} pictures of {counts.parts} parts are in {folder}"),
    )
