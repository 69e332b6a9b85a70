"""`trainer pipeline`: run it, and see what ran, why, and where a model came from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.command import json_option, report

_HELP = {"help_option_names": ["-h", "--help"]}
_root = click.option(
    "--root", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of all results."
)


@click.group(context_settings=_HELP)
def pipeline() -> None:
    """Train, evaluate, convert and push; see what ran and why.

    Example: trainer pipeline run --recipe machined-surface --data parts --root work
    """


@pipeline.command(context_settings=_HELP)
@click.option("--recipe", required=True, help="Recipe file, or the name of one that ships with Lineside.")
@click.option(
    "--data", "folders", required=True, multiple=True, type=click.Path(path_type=Path), help="Folder with labels.csv."
)
@_root
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting, e.g. epochs=5.")
@click.option("--version", default="", help="Name of the new version; v1, v2, … unless given.")
@click.option("--ticket", default="", help="Serve this retrain ticket: its pictures join the data.")
@click.option("--fleet-home", type=click.Path(path_type=Path, file_okay=False), help="Home of the fleet, for --ticket.")
@json_option
def run(
    recipe: str,
    folders: tuple[Path, ...],
    root: Path,
    assignments: tuple[str, ...],
    version: str,
    ticket: str,
    fleet_home: Path | None,
    as_json: bool,
) -> None:
    """Run what must run; what is unchanged is taken from the store.

    Example: trainer pipeline run --recipe machined-surface --data parts --root work --set epochs=5
    """
    from edge_agent.contracts.errors import ConfigError
    from trainer.pipeline.progress import display
    from trainer.run import Request, run_pipeline

    request = Request(recipe, folders, root, assignments, version)
    if ticket:
        if fleet_home is None:
            raise ConfigError("--ticket needs --fleet-home HOME to fetch the ticket from")
        from trainer.retrain import serve_ticket

        result = serve_ticket(request, ticket, fleet_home, display(sys.stderr))
    else:
        result = run_pipeline(request, display(sys.stderr))
    report(as_json, result, lambda: _show(result, root))


def _show(result: dict[str, Any], root: Path) -> None:
    verdict = "blessed" if result["blessed"] else "not blessed"
    click.echo(f"run {result['run']}: {verdict}")
    for reason in result["reasons"]:
        click.echo(f"  {reason}")
    if result["bundle"]:
        click.echo(f"bundle: {result['bundle']}")
    click.echo(f"report: {root / 'runs' / result['run'] / 'report.html'}")


@pipeline.command(context_settings=_HELP)
@_root
@json_option
def status(root: Path, as_json: bool) -> None:
    """Show the runs of a root and the steps of the last one.

    Example: trainer pipeline status --root work
    """
    from trainer.inspect import show_status, status_of

    found = status_of(root)
    report(as_json, found, lambda: show_status(found))


@pipeline.command(context_settings=_HELP)
@click.argument("step")
@_root
@json_option
def why(step: str, root: Path, as_json: bool) -> None:
    """Say why STEP would run again with the last run's arguments, or that it would not.

    Example: trainer pipeline why Trainer --root work
    """
    from trainer.inspect import why_step

    found = why_step(root, step)

    def show() -> None:
        click.echo(f"{step} {'would run again' if found['would_run'] else 'would not run: nothing changed'}")
        for reason in found["reasons"]:
            click.echo(f"  {reason}")

    report(as_json, found, show)


@pipeline.command(context_settings=_HELP)
@click.argument("artifact")
@_root
@json_option
def lineage(artifact: str, root: Path, as_json: bool) -> None:
    """Show what ARTIFACT was made of, back to the data: a digest, a bundle, or MODEL@VERSION.

    Example: trainer pipeline lineage machined-surface@v1 --root work
    """
    from trainer.lineage import lineage_of

    lines = lineage_of(root, artifact)
    report(as_json, {"artifact": artifact, "lineage": lines}, lambda: click.echo("\n".join(lines)))


@pipeline.command("report", context_settings=_HELP)
@_root
@click.option("--run", "run_name", default="", help="The run; the newest one unless given.")
@click.option("--open", "show_it", is_flag=True, help="Open the page in the browser.")
@json_option
def report_page(root: Path, run_name: str, show_it: bool, as_json: bool) -> None:
    """Write the page of a run again, from what the store holds, and say where it lies.

    Example: trainer pipeline report --root work --open
    """
    from trainer.reports.again import write_again

    page = write_again(root, run_name).resolve()
    if show_it:
        click.launch(page.as_uri())
    report(as_json, {"report": str(page)}, lambda: click.echo(f"report: {page}"))


@pipeline.command(context_settings=_HELP)
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@_root
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


@pipeline.command("log-to-mlflow", context_settings=_HELP)
@_root
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
