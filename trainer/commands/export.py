"""`trainer pipeline export`: the pipeline as a file for an orchestrator."""

from __future__ import annotations

from pathlib import Path

import click

from edge_agent.contracts.command import json_option, report


@click.command()
@click.option("--to", "orchestrator", required=True, type=click.Choice(["airflow", "kubeflow"]), help="For whom.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write, .py.")
@click.option("--recipe", required=True, help="Recipe file, or the name of one that ships with Lineside.")
@click.option(
    "--data", "folders", required=True, multiple=True, type=click.Path(path_type=Path), help="As the tasks will see it."
)
@click.option(
    "--root", required=True, type=click.Path(path_type=Path, file_okay=False), help="On storage that all tasks share."
)
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting, e.g. epochs=5.")
@click.option("--version", default="", help="Name of the new version; v1, v2, … unless given.")
@click.option("--image", default="", help="Container image with Lineside in it; Kubeflow needs one.")
@click.option("--volume", "volumes", multiple=True, metavar="CLAIM:/PATH", help="Shared storage for the containers.")
@click.option("--retries", default=2, show_default=True, type=click.IntRange(0), help="How often a task is repeated.")
@click.option("--schedule", default="", help="Airflow's schedule, such as '@daily'; only by hand unless given.")
@json_option
def export(
    orchestrator: str,
    out: Path,
    recipe: str,
    folders: tuple[Path, ...],
    root: Path,
    assignments: tuple[str, ...],
    version: str,
    image: str,
    volumes: tuple[str, ...],
    retries: int,
    schedule: str,
    as_json: bool,
) -> None:
    """Write the pipeline as a DAG for Airflow or Kubeflow Pipelines, one task a step.

    Example: trainer pipeline export --to airflow --out dag.py --recipe machined-surface --data /m/in --root /m/out
    """
    from trainer.export import export_pipeline
    from trainer.pipeline.export.tasks import Surroundings, volume_of
    from trainer.request import Request

    around = Surroundings(image, tuple(volume_of(text) for text in volumes), retries, schedule)
    request = Request(recipe, folders, root, assignments, version)
    made = export_pipeline(request, orchestrator, around, out)
    report(as_json, made, lambda: click.echo(f"{len(made['steps'])} tasks are in {out}"))
