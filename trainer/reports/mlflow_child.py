"""The process in which MLflow's library runs: one run as JSON on standard input, its MLflow id as JSON at the end."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

_BATCH = 100


def main() -> None:
    """Log the run. Any error ends the process with the library's own last word."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    content = json.load(sys.stdin)
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=content["tracking_uri"])
    run = _run(client, _experiment(client, content["experiment"]), content)
    params = [Param(name, value) for name, value in content["params"].items()]
    metrics = [Metric(name, value, content["started_ms"], step) for name, value, step in content["metrics"]]
    for start in range(0, len(params), _BATCH):
        client.log_batch(run, params=params[start : start + _BATCH])
    for start in range(0, len(metrics), _BATCH):
        client.log_batch(run, metrics=metrics[start : start + _BATCH])
    for path in content["files"]:
        client.log_artifact(run, path)
    client.set_terminated(run, end_time=content["ended_ms"])
    sys.stdout.write(json.dumps({"run_id": run}) + "\n")


def _run(client: Any, experiment: str, content: Mapping[str, Any]) -> str:
    """Return MLflow's id of the run: that of a former attempt that was broken off, else of a new one."""
    begun = f"attributes.status = 'RUNNING' and tags.`lineside.run` = '{content['name']}'"
    for one in client.search_runs([experiment], begun):
        if one.info.start_time == content["started_ms"]:
            return str(one.info.run_id)
    times = {"start_time": content["started_ms"], "run_name": content["name"]}
    return str(client.create_run(experiment, tags=content["tags"], **times).info.run_id)


def _experiment(client: Any, name: str) -> str:
    known = client.get_experiment_by_name(name)
    return str(known.experiment_id if known else client.create_experiment(name))


if __name__ == "__main__":
    main()
