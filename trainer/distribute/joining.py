"""A training over several machines: the chief says in a shared folder what it trains, the others join it there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge_agent.contracts.encoding import canonical_json
from edge_agent.contracts.errors import ConfigError, Unavailable
from trainer.distribute.cluster import VARIABLE, Cluster, local_clusters, parse_cluster
from trainer.distribute.together import Paths, elsewhere, train_together
from trainer.pipeline.cache import write_atomically
from trainer.pipeline.executor import Report
from trainer.pipeline.step import Context, Properties, Step

FILE = "training-job.json"
_POLL_S = 0.5


def train_everywhere(
    step: Step, paths: Paths, values: Mapping[str, Any], local_workers: int, context: Context
) -> dict[str, Properties]:
    """Run the step's function by `local_workers` processes of this machine, or as the chief that TF_CONFIG names.

    Raises ConfigError where TF_CONFIG is needed and bad, or this is another worker than the chief.
    """
    if local_workers:
        here = local_clusters(local_workers)
        return train_together(step, paths, values, context.scratch, here, context.progress)
    cluster = parse_cluster(os.environ.get(VARIABLE, ""))
    if not cluster.chief:
        raise ConfigError(f"this is worker {cluster.index}; here run `trainer pipeline join`, the pipeline on worker 0")
    with offered(step, paths, values, context.scratch, cluster):
        return train_together(step, paths, values, context.scratch, [cluster], context.progress)


@contextmanager
def offered(step: Step, paths: Paths, values: Mapping[str, Any], scratch: Path, cluster: Cluster) -> Iterator[None]:
    """Tell the other machines what is trained, as long as it is. `scratch` lies below the root that they share."""
    job = {
        "function": step.function,
        "paths": {name: None if path is None else str(path) for name, path in paths.items()},
        "outputs": list(step.outputs),
        "values": dict(values),
        "workers": list(cluster.workers),
    }
    path = scratch / FILE
    write_atomically(path, canonical_json(job))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def join(root: Path, cluster: Cluster, report: Report, wait: Callable[[float], None], patience_s: float) -> None:
    """Wait until the chief trains below `root` with this cluster, and train with it until it is done.

    `wait` passes seconds. Raises ConfigError for the chief itself, Unavailable when nothing was offered within
    `patience_s` seconds or a worker died: join again then, the chief goes on from its checkpoint.
    """
    if cluster.chief:
        raise ConfigError("worker 0 is the chief: run the pipeline there; the other workers join")
    waited = 0.0
    report(f"waiting for the chief, {cluster.workers[0]}", None)
    while (found := _offer(root, cluster)) is None:
        if waited >= patience_s:
            raise Unavailable(f"{root}: the chief offered no training for {patience_s:g} s; start the pipeline there")
        wait(_POLL_S)
        waited += _POLL_S
    job, scratch = found
    step = Step("Trainer", job["function"], {}, dict.fromkeys(job["outputs"], ""))
    mine = elsewhere(step.outputs, scratch / f"worker-{cluster.index + 1}")
    paths = {name: None if path is None else Path(path) for name, path in job["paths"].items()}
    train_together(step, {**paths, **mine}, job["values"], scratch, [cluster], report)


def _offer(root: Path, cluster: Cluster) -> tuple[dict[str, Any], Path] | None:
    for path in sorted((root / "scratch").glob(f"*/{FILE}")):
        job = json.loads(path.read_text(encoding="utf-8"))
        if job["workers"] == list(cluster.workers):
            return job, path.parent
    return None
