"""Looking back at a root: what ran, and why a step would run again."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.errors import ConfigError
from trainer.delivery import history
from trainer.pipeline import recipes
from trainer.pipeline.driver import Driver
from trainer.pipeline.lookahead import Outlook, look_ahead
from trainer.pipeline.runs import RunRecord, Runs
from trainer.pipeline.selection import ALL
from trainer.request import Request
from trainer.run import task_for
from trainer.tasks.order import DATA

_SHOWN_RUNS = 10
KILLED = "killed"


def status_of(root: Path) -> dict[str, Any]:
    """Return the last runs and the newest one's steps. Raises ConfigError when nothing ran."""
    runs = Runs(root)
    latest = runs.latest()
    if _state(latest, runs) == KILLED:
        latest.state = KILLED
        for step in latest.steps:
            step.status = KILLED if step.status == "running" else step.status
    known = [runs.load(name) for name in runs.names()[-_SHOWN_RUNS:]]
    return {
        "runs": [_short(record, runs) for record in known],
        "latest": asdict(latest),
        "blessed": [asdict(entry) for entry in history.load(root)],
    }


def _short(record: RunRecord, runs: Runs) -> dict[str, Any]:
    known = {"run": record.run, "state": _state(record, runs), "error": record.error, "started_ms": record.started_ms}
    return {**known, "verdict": record.verdict}


def _state(record: RunRecord, runs: Runs) -> str:
    """Return the run's state; its record says `running` of a killed one, too, until the next run begins."""
    return KILLED if record.state == "running" and not runs.is_alive(record.run) else record.state


def metadata_url_of(root: Path) -> str:
    """Return where the newest run keeps its lineage; "" = in the root."""
    request = Request.of(Runs(root).latest_made().arguments, root)
    return recipes.load(request.recipe, request.assignments)[1].metadata_url


def show_status(found: dict[str, Any]) -> None:
    """Print what `status_of` found."""
    for run in found["runs"]:
        click.echo(f"{run['run']}  {run['state']:<8} {run['error'] or run['verdict']}".rstrip())
    for step in found["latest"]["steps"]:
        click.echo(f"  {step['name']:<18} {step['status']:<7} {step['seconds']:7.1f} s  {step['remark']}".rstrip())
    for entry in found["blessed"]:
        click.echo(f"blessed: {entry['model']} {entry['version']} (bundle {entry['bundle'][:12]})")


def outlook(request: Request) -> list[Outlook]:
    """Say for each step what a run would do with it; nothing is run and nothing heavy imported."""
    recipe, chosen = recipes.load(request.recipe, request.assignments)
    driver = Driver(request.root)
    try:
        task = task_for(request, recipe, chosen, driver)
        with driver.using():
            return list(look_ahead(driver, task.graph(), {DATA: task.data()}, request.selection))
    finally:
        driver.close()


def why_step(root: Path, name: str) -> dict[str, Any]:
    """Say whether the step would run again with the last run's arguments, and name what changed.

    Raises ConfigError for an unknown step or when nothing ran.
    """
    request = replace(Request.of(Runs(root).latest().arguments, root), selection=ALL)
    found = outlook(request)
    for one in found:
        if one.step == name:
            would_run = one.state == "would run"
            return {"step": name, "state": one.state, "would_run": would_run, "reasons": one.reasons}
    raise ConfigError(f"no step '{name}'; the steps are {', '.join(one.step for one in found)}")
