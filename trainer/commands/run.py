"""`trainer pipeline run` and `resume`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.contracts.command import json_option, report
from trainer.commands.beam import beam_assignments, beam_options
from trainer.commands.options import root_option

if TYPE_CHECKING:
    from trainer.request import Request

_INTERRUPTED = 130


@click.command()
@click.option("--recipe", required=True, help="Recipe file, or the name of one that ships with Lineside.")
@click.option(
    "--data",
    "folders",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder with labels.csv, or rows.",
)
@root_option
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting, e.g. epochs=5.")
@click.option("--version", default="", help="Name of the new version; v1, v2, … unless given.")
@click.option("--ticket", default="", help="Serve this retrain ticket: its pictures join the data.")
@click.option("--fleet-home", type=click.Path(path_type=Path, file_okay=False), help="Home of the fleet, for --ticket.")
@click.option("--from", "begin", default="", metavar="STEP", help="Begin there; what lies before comes from the store.")
@click.option("--to", "end", default="", metavar="STEP", help="End there.")
@click.option("--only", default="", metavar="STEP[,STEP]", help="Run these alone.")
@click.option("--jobs", type=click.IntRange(1), help="Steps at once; as many as cores, at most 4, unless given.")
@beam_options
@click.option("--dry-run", is_flag=True, help="Say what would run and why; run nothing.")
@json_option
def run(
    recipe: str,
    folders: tuple[Path, ...],
    root: Path,
    assignments: tuple[str, ...],
    version: str,
    ticket: str,
    fleet_home: Path | None,
    begin: str,
    end: str,
    only: str,
    jobs: int | None,
    runner: str | None,
    beam_settings: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run what must run; what is unchanged is taken from the store.

    Example: trainer pipeline run --recipe machined-surface --data parts --root work --set epochs=5
    """
    from edge_agent.contracts.errors import ConfigError
    from trainer.pipeline.progress import display
    from trainer.pipeline.selection import Selection
    from trainer.request import Request
    from trainer.run import run_pipeline

    selection = Selection(begin, end, tuple(name.strip() for name in only.split(",") if name.strip()))
    assignments += beam_assignments(runner, beam_settings)
    request = Request(recipe, folders, root, assignments, version, selection=selection, jobs=jobs or 0)
    if dry_run:
        if ticket:
            raise ConfigError("--dry-run fetches no ticket; leave --ticket out to see what the data at hand would do")
        _look_ahead(request, as_json)
    elif ticket:
        if fleet_home is None:
            raise ConfigError("--ticket needs --fleet-home HOME to fetch the ticket from")
        from trainer.retraining.tickets import serve_ticket

        with _interruptible(root):
            result = serve_ticket(request, ticket, fleet_home, display(sys.stderr))
        _report(result, root, as_json)
    else:
        with _interruptible(root):
            result = run_pipeline(request, display(sys.stderr))
        _report(result, root, as_json)


@contextmanager
def _interruptible(root: Path) -> Iterator[None]:
    """After Ctrl-C say how to go on, and end as a shell expects of a program that was interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"trainer: interrupted; 'trainer pipeline resume --root {shlex.quote(str(root))}' goes on", err=True)
        sys.exit(_INTERRUPTED)


def _report(result: dict[str, Any], root: Path, as_json: bool) -> None:
    report(as_json, result, lambda: _show(result, root))


def _look_ahead(request: Request, as_json: bool) -> None:
    from trainer.inspect import outlook

    found = [{"name": one.step, "state": one.state, "reasons": one.reasons} for one in outlook(request)]

    def show() -> None:
        for one in found:
            click.echo(f"{one['name']:<18} {one['state']:<10} {'; '.join(one['reasons'])}".rstrip())

    report(as_json, {"steps": found}, show)


def _show(result: dict[str, Any], root: Path) -> None:
    judged = any(step["name"] == "Evaluator" and step["status"] != "skipped" for step in result["steps"])
    verdict = "not blessed" if judged else "ended before a model was judged"
    if result["blessed"]:
        verdict = f"released by {result['released_by']}" if result["released_by"] else "blessed"
    click.echo(f"run {result['run']}: {verdict}")
    for reason in result["reasons"]:
        click.echo(f"  {reason}")
    if result["bundle"]:
        click.echo(f"bundle: {result['bundle']}")
    click.echo(f"report: {root / 'runs' / result['run'] / 'report.html'}")


@click.command()
@root_option
@json_option
def resume(root: Path, as_json: bool) -> None:
    """Go on with the last run that did not finish, with its own arguments.

    Example: trainer pipeline resume --root work
    """
    from trainer.pipeline.progress import display
    from trainer.resume import go_on, to_resume

    found = to_resume(root)
    click.echo(found.text, err=True)
    with _interruptible(root):
        result = go_on(found, display(sys.stderr))
    _report({**result, "resumed": {"run": found.run, "step": found.step, "epoch": found.epoch}}, root, as_json)
