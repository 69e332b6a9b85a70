"""One run of the pipeline, from a request to its result."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.errors import ConfigError, LinesideError, Rejected, Unavailable
from edge_agent.contracts.recipe import Recipe
from trainer.data.folders import choose_folders
from trainer.delivery.fleet_command import latest_release
from trainer.pipeline import recipes
from trainer.pipeline.driver import Driver
from trainer.pipeline.progress import Display
from trainer.pipeline.runner import Runner, default_jobs
from trainer.pipeline.runs import RunRecord, Runs, in_short
from trainer.pipeline.settings import Settings
from trainer.pipeline.step import Artifact, Known
from trainer.request import Request
from trainer.tasks.order import DATA, Order, Task, check_version, task_of
from trainer.validation.anomaly_lines import in_root

Clock = Callable[[], float]


def run_pipeline(request: Request, display: Display, clock: Clock = time.time) -> dict[str, Any]:
    """Run the pipeline and return `run, blessed, reasons, bundle, metrics, steps`.

    Several runs may work in one root at once: what one does already, the other waits for and takes over.
    A model that is not blessed is a result, not an error. Raises Rejected for bad data, ConfigError for bad settings,
    Unavailable when a step or the disk failed; the run's record keeps the error. What was asked for wrongly, so that no
    step began, is no run: it leaves no record.
    """
    recipe, chosen = recipes.load(request.recipe, request.assignments)
    if chosen.pusher.fleet_home:
        request = replace(request, taken=_taken(recipe.name, Path(chosen.pusher.fleet_home)))
    runs = Runs(request.root)
    now = int(clock() * 1000)
    runs.close_killed(now)
    with runs.begin(now) as name:
        record = RunRecord(name, recipe.name, now, arguments=request.arguments())
        driver = Driver(request.root)
        try:
            known = _run(request, recipe, chosen, driver, record, display, clock)
            _report(record, known, driver, runs)
            _check_data(known, request.root)
            record.result = _result(record, known, request.root)
            record.state = "done"
        except (LinesideError, KeyboardInterrupt) as error:
            asked_wrongly = isinstance(error, ConfigError | Rejected) and not record.steps
            record.state = "refused" if asked_wrongly else "failed"
            record.error = str(error) or "interrupted"
            raise
        finally:
            driver.close()
            display.close()
            record.ended_ms = int(clock() * 1000)
            with suppress(Unavailable) if record.state == "failed" else nullcontext():
                if record.state == "refused":
                    runs.forget(name)
                else:
                    runs.save(record)
                    _index(request.root)
    _track(request.root, record, chosen)
    return record.result


def _run(
    request: Request,
    recipe: Recipe,
    chosen: Settings,
    driver: Driver,
    record: RunRecord,
    display: Display,
    clock: Clock,
) -> Known:
    task = task_for(request, recipe, chosen, driver)
    with driver.using():
        data = task.data()
        driver.index.pin(record.run, [data.digest])
    jobs = request.jobs or default_jobs()
    runner = Runner(driver, record, display, clock, chosen.metadata_url, jobs, request.selection)
    return runner.run(task.graph(), {DATA: data})


def task_for(request: Request, recipe: Recipe, chosen: Settings, driver: Driver) -> Task:
    """Return what lists the data of a request and builds its graph. Raises as `check_version`, `choose_folders`."""
    check_version(request.version)
    found = choose_folders(request.folders, chosen.example_gen.spans)
    order = Order(recipe, chosen, request.root, found.folders, request.version, request.taken, found.spans)
    return task_of(order, driver)


def _taken(model: str, home: Path) -> int:
    """Ask the fleet for its latest release. One that is away does not hinder the training, only the publishing."""
    try:
        return latest_release(model, home)
    except Unavailable:
        return 0


def _check_data(known: Known, root: Path) -> None:
    anomalies = known.get("ExampleValidator.anomalies")
    if anomalies is not None and not anomalies.blessed:
        raise Rejected(f"ExampleValidator: {in_root(in_short(anomalies.reasons), root)}")


def _result(record: RunRecord, known: Known, root: Path) -> dict[str, Any]:
    blessings = [known[name] for name in ("Evaluator.blessing", "InfraValidator.blessing") if name in known]
    blessed = len(blessings) == 2 and all(artifact.blessed for artifact in blessings)
    return {
        "run": record.run,
        "blessed": blessed,
        "released_by": str(blessings[0].properties.get("override_by", "")) if blessings else "",
        "reasons": [reason for artifact in blessings for reason in artifact.reasons],
        "bundle": _bundle(known, root),
        "metrics": _metrics(known["Evaluator.evaluation"]) if "Evaluator.evaluation" in known else {},
        "steps": [{"name": s.name, "status": s.status, "seconds": round(s.seconds, 3)} for s in record.steps],
    }


def _bundle(known: Known, root: Path) -> str | None:
    if "Pusher.pushed" in known:
        made = known["Pusher.pushed"].properties
        return str((root / "pushed" / str(made["model"]) / str(made["version"])).resolve())
    return str(known["Converter.bundle"].path.resolve()) if "Converter.bundle" in known else None


def _metrics(evaluation: Artifact) -> dict[str, Any]:
    content = json.loads((evaluation.path / "metrics.json").read_text(encoding="utf-8"))
    kept = ("frame_auroc", "frame_accuracy", "heatmap_hit_rate", "temperature", "thresholds", "rates", "slices")
    part = {f"part_{name}": value for name, value in content["part"].items()}
    return {**part, **{name: content.get(name) for name in kept}}


def _track(root: Path, record: RunRecord, chosen: Settings) -> None:
    """Log the run where the settings want it; what cannot be logged is said and waits."""
    if chosen.mlflow is None:
        return
    from trainer.reports.tracking import log_run

    try:
        record.result["mlflow"] = log_run(root, record.run, chosen.mlflow)
    except LinesideError as error:
        click.echo(f"not logged: {error}", err=True)


def _index(root: Path) -> None:
    """Write the page of all runs."""
    from trainer.reports.index import write_index

    write_index(root)


def _report(record: RunRecord, known: Known, driver: Driver, runs: Runs) -> None:
    """Write the run's page; a run in which all was cached shows the page of the run that made it."""
    from trainer.reports.reuse import reuse_report

    if all(step.status in ("cached", "skipped") for step in record.steps) and reuse_report(record, runs):
        return
    from trainer.lineage.text import lineage_lines
    from trainer.reports.page import write_report

    names = ("Converter.bundle", "Trainer.model", "ExampleGen.examples")
    last = next((known[name] for name in names if name in known), None)
    lines = lineage_lines(driver, last.digest) if last else []
    write_report(record, known, lines, runs.path(record.run) / "report.html")
