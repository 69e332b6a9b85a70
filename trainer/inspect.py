"""Looking back at a root: what ran, and why a step would run again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.errors import ConfigError
from trainer.components import history
from trainer.pipeline import settings
from trainer.pipeline.key import differences
from trainer.pipeline.runner import Driver, plan
from trainer.pipeline.runs import Runs
from trainer.pipeline.step import Artifact, Step
from trainer.run import Request, task_for
from trainer.tasks.order import DATA

_SHOWN_RUNS = 10


def status_of(root: Path) -> dict[str, Any]:
    """Return the last runs and the newest one's steps. Raises ConfigError when nothing ran."""
    runs = Runs(root)
    latest = runs.latest()
    known = [runs.load(name) for name in runs.names()[-_SHOWN_RUNS:]]
    return {
        "runs": [{"run": r.run, "state": r.state, "error": r.error, "started_ms": r.started_ms} for r in known],
        "latest": asdict(latest),
        "blessed": [asdict(entry) for entry in history.load(root)],
    }


def metadata_url_of(root: Path) -> str:
    """Return where the newest run keeps its lineage; "" = in the root."""
    request = Request.of(Runs(root).latest().arguments, root)
    return settings.load(request.recipe, request.assignments)[1].metadata_url


def show_status(found: dict[str, Any]) -> None:
    """Print what `status_of` found."""
    for run in found["runs"]:
        click.echo(f"{run['run']}  {run['state']:<8} {run['error']}".rstrip())
    for step in found["latest"]["steps"]:
        click.echo(f"  {step['name']:<18} {step['status']:<7} {step['seconds']:7.1f} s  {step['remark']}".rstrip())
    for entry in found["blessed"]:
        click.echo(f"blessed: {entry['model']} {entry['version']} (bundle {entry['bundle'][:12]})")


def why_step(root: Path, name: str) -> dict[str, Any]:
    """Say whether the step would run again with the last run's arguments, and name what changed.

    Nothing is run and nothing heavy imported. Raises ConfigError for an unknown step or when nothing ran.
    """
    request = Request.of(Runs(root).latest().arguments, root)
    recipe, chosen = settings.load(request.recipe, request.assignments)
    driver = Driver(root)
    try:
        task = task_for(request, recipe, chosen, driver)
        data, graph = task.data(), task.graph()
        wanted = graph.step(name)
        known: dict[str, Artifact] = {DATA: data}
        changed: dict[str, str] = {}
        for step in graph.steps:
            waiting = [changed[r.partition(".")[0]] for r in step.inputs.values() if r.partition(".")[0] in changed]
            reasons = waiting or _reasons(driver, step, known)
            if step.name == wanted.name:
                return {"step": name, "would_run": bool(reasons), "reasons": reasons}
            if reasons:
                changed[step.name] = f"{step.name} would run again first: {reasons[0]}"
    finally:
        driver.close()
    raise ConfigError(f"no step '{name}'")


def _reasons(driver: Driver, step: Step, known: dict[str, Artifact]) -> list[str]:
    """Return what speaks for running the step; when nothing does, its outputs become known."""
    missing = [reference for reference in step.inputs.values() if reference not in known]
    if missing:
        return [f"{missing[0]} was not made"]
    planned = plan(step, known, driver.imports)
    outputs = driver.cached(planned)
    if outputs is not None:
        known |= {f"{step.name}.{name}": artifact for name, artifact in outputs.items()}
        return []
    former = driver.index.latest(step.name)
    if former is None:
        return ["it never ran here"]
    return differences(former.parts, planned.parts) or ["its result is damaged or gone"]
