"""A run as MLflow shows it: parameters, metrics with their course, tags and the page. The library runs in a child.

What cannot be logged (the server is away, the package is missing) never hinders a run: it is said and kept beside the
run, and `trainer pipeline log-to-mlflow` tries again.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError, Unavailable
from edge_agent.contracts.program import python_program
from trainer.evaluation.last import json_of
from trainer.pipeline.cache import write_atomically
from trainer.pipeline.driver import Driver
from trainer.pipeline.key import flat
from trainer.pipeline.runs import RunRecord, Runs
from trainer.pipeline.settings import MlflowSettings

DONE, WAITING = "mlflow.json", "mlflow-waiting.json"
_TIMEOUT_S = 180.0
_LONGEST = 500
_MISSING = "No module named"


def log_run(root: Path, run: str, wanted: MlflowSettings, timeout_s: float = _TIMEOUT_S) -> dict[str, Any]:
    """Log a run and return where it is; a run that is there already is not logged again.

    Raises Unavailable when the server does not take it and ConfigError when `mlflow-skinny` is not installed; the run
    then waits.
    """
    folder = Runs(root).path(run)
    place = {"tracking_uri": wanted.tracking_uri, "experiment": wanted.experiment or Runs(root).load(run).pipeline}
    known = json_of(folder / DONE) if (folder / DONE).is_file() else {}
    if {name: known.get(name) for name in place} == place:
        return known
    try:
        answer = _child({**place, **content_of(root, Runs(root).load(run))}, timeout_s)
    except (Unavailable, ConfigError) as error:
        write_atomically(folder / WAITING, json.dumps({**place, "error": str(error)}).encode())
        raise
    made = {**place, "run_id": str(answer["run_id"])}
    write_atomically(folder / DONE, json.dumps(made, indent=1, sort_keys=True).encode())
    (folder / WAITING).unlink(missing_ok=True)
    return made


def waiting(root: Path) -> dict[str, MlflowSettings]:
    """Return the runs that could not be logged, oldest first, with where they belong."""
    runs = Runs(root)
    found = {name: runs.path(name) / WAITING for name in runs.names()}
    kept = {name: json_of(path) for name, path in found.items() if path.is_file()}
    return {
        name: MlflowSettings(tracking_uri=one["tracking_uri"], experiment=one["experiment"])
        for name, one in kept.items()
    }


def content_of(root: Path, record: RunRecord) -> dict[str, Any]:
    """Return what is logged of a run: name, times, tags, parameters, metrics [name, value, step], files."""
    driver = Driver(root)
    try:
        entries = {step.name: driver.index.find(step.key) for step in record.steps if step.key}
        artifacts = {
            f"{name}.{output}": driver.artifact(stored)
            for name, entry in entries.items()
            if entry is not None
            for output, stored in entry.outputs.items()
        }
    finally:
        driver.close()
    params: dict[str, str] = {}
    for name, entry in entries.items():
        for key, value in flat(entry.parts.parameters if entry else {}).items():
            params[key if key.startswith("recipe.") else f"{name}.{key}"] = str(value)[:_LONGEST]
    if "recipe.name" in params:
        params["recipe.name"] = record.pipeline  # no step before the Converter depends on it, or knows it
    metrics = [[f"seconds.{step.name}", step.seconds, 0] for step in record.steps]
    files = [str(path) for path in (Runs(root).path(record.run) / "report.html",) if path.is_file()]
    evaluation, model = artifacts.get("Evaluator.evaluation"), artifacts.get("Trainer.model")
    if evaluation is not None and (evaluation.path / "metrics.json").is_file():
        metrics += _figures(json_of(evaluation.path / "metrics.json"))
        files.append(str(evaluation.path / "metrics.json"))
    if model is not None and (model.path / "training.json").is_file():
        metrics += _curves(json_of(model.path / "training.json"))
    times = {"started_ms": record.started_ms, "ended_ms": record.ended_ms or None}
    tags = {"lineside.run": record.run, "lineside.pipeline": record.pipeline, "lineside.state": record.state}
    tags |= {f"lineside.{name}": one.digest for name, one in artifacts.items()}
    tags["lineside.blessed"] = str(bool(record.result.get("blessed"))).lower()
    return {"name": record.run, **times, "tags": tags, "params": params, "metrics": metrics, "files": files}


def _figures(metrics: Mapping[str, Any]) -> list[list[Any]]:
    """Return numbers of `metrics.json` at the top level and of the part and its inspection, by dotted names."""
    kept = {name: metrics.get(name) for name in ("part", "rates", "inspection", "thresholds")}
    kept |= {name: value for name, value in metrics.items() if isinstance(value, int | float)}
    values = {name: value for name, value in flat(kept).items() if isinstance(value, int | float)}
    return [[name, float(value), 0] for name, value in values.items()]


def _curves(history: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [f"training.{name}", float(epoch[name]), int(epoch["number"])]
        for epoch in history.get("epochs", [])
        for name in ("loss", "auroc")
        if epoch.get(name) is not None
    ]


def _child(content: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
    place = str(content["tracking_uri"])
    try:
        done = subprocess.run(
            python_program("trainer.reports.mlflow_child"),
            input=json.dumps(content),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"MLflow at {place}: no answer within {timeout_s:.0f} s; it is kept for later") from None
    if done.returncode == 0:
        return dict(json.loads(done.stdout.strip().splitlines()[-1]))
    last = (done.stderr.strip().splitlines() or ["no word"])[-1]
    if _MISSING in last:
        raise ConfigError(f"MLflow: {last}; install 'lineside[mlflow]', then 'trainer pipeline log-to-mlflow'")
    raise Unavailable(f"MLflow at {place}: {last[:300]}; it is kept: 'trainer pipeline log-to-mlflow' tries again")
