"""One run of the pipeline, from a request to its result."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.errors import LinesideError, Rejected, Unavailable
from edge_agent.contracts.recipe import Recipe
from trainer.components.fleet_command import latest_release
from trainer.pipeline import settings
from trainer.pipeline.lock import root_lock
from trainer.pipeline.progress import Display
from trainer.pipeline.runner import Driver, Runner
from trainer.pipeline.runs import RunRecord, Runs, run_id
from trainer.pipeline.settings import Settings
from trainer.pipeline.step import Artifact, Known
from trainer.tasks.order import DATA, Order, Task, task_of

Clock = Callable[[], float]


@dataclass(frozen=True)
class Request:
    """What to run. `folders` may be several: their rows are joined, later ones win for the same picture.

    `taken` is the fleet's latest release of the model; a run asks the fleet itself and keeps the answer.
    """

    recipe: str
    folders: tuple[Path, ...]
    root: Path
    assignments: tuple[str, ...] = ()
    version: str = ""
    taken: int = 0

    def arguments(self) -> dict[str, Any]:
        """Return the request as it is kept with the run."""
        return {
            "recipe": self.recipe,
            "folders": [str(folder.resolve()) for folder in self.folders],
            "assignments": list(self.assignments),
            "version": self.version,
            "taken": self.taken,
        }

    @classmethod
    def of(cls, arguments: dict[str, Any], root: Path) -> Request:
        """Return the request that `arguments` describes."""
        folders = tuple(Path(folder) for folder in arguments["folders"])
        assignments, taken = tuple(arguments["assignments"]), arguments.get("taken", 0)
        return cls(arguments["recipe"], folders, root, assignments, arguments["version"], taken)

    def with_settings(self, *assignments: str) -> Request:
        """Return the request with more settings."""
        return replace(self, assignments=(*self.assignments, *assignments))


def run_pipeline(request: Request, display: Display, clock: Clock = time.time) -> dict[str, Any]:
    """Run the pipeline under the root's lock and return `run, blessed, reasons, bundle, metrics, steps`.

    A model that is not blessed is a result, not an error. Raises Rejected for bad data, ConfigError for bad settings,
    Unavailable when a step or the disk failed; the run's record keeps the error.
    """
    recipe, chosen = settings.load(request.recipe, request.assignments)
    if chosen.pusher.fleet_home:
        request = replace(request, taken=_taken(recipe.name, Path(chosen.pusher.fleet_home)))
    with root_lock(request.root, lambda holder: click.echo(f"waiting for process {holder}", err=True)):
        runs = Runs(request.root)
        runs.close_killed(int(clock() * 1000))
        now = int(clock() * 1000)
        record = RunRecord(run_id(now, set(runs.names())), recipe.name, now, arguments=request.arguments())
        driver = Driver(request.root)
        try:
            task = task_for(request, recipe, chosen, driver)
            data = task.data()
            known = Runner(driver, record, display, clock, chosen.metadata_url).run(task.graph(), {DATA: data})
            _report(record, known, driver, runs)
            _check_data(known)
            record.result = _result(record, known, request.root)
            record.state = "done"
        except (LinesideError, KeyboardInterrupt) as error:
            record.state, record.error = "failed", str(error) or "interrupted"
            raise
        finally:
            driver.close()
            display.close()
            record.ended_ms = int(clock() * 1000)
            runs.save(record)
    _track(request.root, record, chosen)
    return record.result


def task_for(request: Request, recipe: Recipe, chosen: Settings, driver: Driver) -> Task:
    """Return what lists the data of a request and builds its graph."""
    order = Order(recipe, chosen, request.root, request.folders, request.version, request.taken)
    return task_of(order, driver)


def _taken(model: str, home: Path) -> int:
    """Ask the fleet for its latest release. One that is away does not hinder the training, only the publishing."""
    try:
        return latest_release(model, home)
    except Unavailable:
        return 0


def _check_data(known: Known) -> None:
    anomalies = known["ExampleValidator.anomalies"]
    if not anomalies.blessed:
        more = f" (and {len(anomalies.reasons) - 1} more)" if len(anomalies.reasons) > 1 else ""
        raise Rejected(f"ExampleValidator: {anomalies.reasons[0]}{more}")


def _result(record: RunRecord, known: Known, root: Path) -> dict[str, Any]:
    blessings = [known[name] for name in ("Evaluator.blessing", "InfraValidator.blessing") if name in known]
    blessed = len(blessings) == 2 and all(artifact.blessed for artifact in blessings)
    return {
        "run": record.run,
        "blessed": blessed,
        "reasons": [reason for artifact in blessings for reason in artifact.reasons],
        "bundle": _bundle(known, root),
        "metrics": _metrics(known["Evaluator.evaluation"]),
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


def _report(record: RunRecord, known: Known, driver: Driver, runs: Runs) -> None:
    """Write the run's page; a run in which all was cached shows the page of the run that made it."""
    from trainer.reports.reuse import reuse_report

    if all(step.status in ("cached", "skipped") for step in record.steps) and reuse_report(record, runs):
        return
    from trainer.lineage import lineage_lines
    from trainer.reports.page import write_report

    last = next(known[name] for name in ("Converter.bundle", "Trainer.model", "ExampleGen.examples") if name in known)
    lines = lineage_lines(driver, last.digest)
    write_report(record, known, lines, runs.path(record.run) / "report.html")
