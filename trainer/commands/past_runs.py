"""What is made of runs that are over: their page, a comparison, a record in MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.command import json_option, report
from trainer.commands.options import root_option


@click.command("report")
@root_option
@click.option("--run", "run_name", default="", help="The run; the newest one unless given.")
@click.option("--open", "show_it", is_flag=True, help="Open the page in the browser.")
@json_option
def report_page(root: Path, run_name: str, show_it: bool, as_json: bool) -> None:
    """Write the page of a run again, from what the store holds, and that of all runs, and say where they lie.

    Example: trainer pipeline report --root work --open
    """
    from trainer.reports.again import write_again
    from trainer.reports.index import write_index

    page, index = write_again(root, run_name).resolve(), write_index(root).resolve()
    if show_it:
        click.launch(page.as_uri())
    found = {"report": str(page), "index": str(index)}
    report(as_json, found, lambda: click.echo(f"report: {page}\nall runs: {index}"))


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@root_option
@click.option("--html", "page", type=click.Path(path_type=Path, dir_okay=False), help="Write it as a page, too.")
@json_option
def compare(runs: tuple[str, ...], root: Path, page: Path | None, as_json: bool) -> None:
    """Show runs beside each other: what differs, metrics with intervals, and tests on the parts that both judged.

    Example: trainer pipeline compare 20261121-204210 20261121-205109 --root work --html runs.html
    """
    from trainer.reports.compare import comparison_of, write_comparison

    found = comparison_of(root, runs)
    if page is not None:
        write_comparison(found, page)
    report(as_json, found, lambda: _show_comparison(found, page))


def _show_comparison(found: dict[str, Any], page: Path | None) -> None:
    for one in found["metrics"]:
        figures = {name: one[name] for name in ("AUROC", "escape", "overkill", "review") if one.get(name)}
        shown = ", ".join(f"{name} {_estimate(value)}" for name, value in figures.items())
        click.echo(f"{one['run']}  {'blessed' if one['blessed'] else 'not blessed'}  {shown}")
    for one in found["paired"]:
        click.echo(f"{one['run']} against {one['against']}: {one['text']}")
    for name, row in found["own"].items():
        click.echo(f"{name}: " + ", ".join("-" if value is None else f"{value:.4f}" for value in row))
    for title in ("settings", "data", "seconds"):
        click.echo(f"{title}:" if found[title] else f"{title}: the same")
        for name, row in found[title].items():
            click.echo(f"  {name:<40}" + "".join(f" {_short(value):<24}" for value in row).rstrip())
    if page is not None:
        click.echo(f"page: {page}")


def _estimate(one: dict[str, Any]) -> str:
    return "-" if one["value"] is None else f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"


def _short(value: Any) -> str:
    return "-" if value is None else str(value)[:24]


@click.command("log-to-mlflow")
@root_option
@click.option("--run", "run_name", default="", help="This run; all that wait unless given.")
@click.option("--tracking-uri", default="", help="With --run: where to, such as sqlite:////data/mlflow.db.")
@click.option("--experiment", default="", help="With --tracking-uri: the experiment; the product's name unless given.")
@json_option
def log_to_mlflow(root: Path, run_name: str, tracking_uri: str, experiment: str, as_json: bool) -> None:
    """Log runs to MLflow that could not be logged when they ended, or one that nobody asked for.

    Example: trainer pipeline log-to-mlflow --root work
    """
    from edge_agent.contracts.errors import ConfigError
    from trainer.pipeline.settings import MlflowSettings
    from trainer.reports.tracking import log_run, waiting

    wanted = waiting(root)
    if run_name:
        if not tracking_uri and run_name not in wanted:
            raise ConfigError(f"run {run_name} does not wait for MLflow; give --tracking-uri to log it all the same")
        asked = MlflowSettings(tracking_uri=tracking_uri, experiment=experiment) if tracking_uri else wanted[run_name]
        wanted = {run_name: asked}
    made = {name: log_run(root, name, settings) for name, settings in wanted.items()}
    report(as_json, {"logged": made}, lambda: click.echo(f"{len(made)} runs logged"))
