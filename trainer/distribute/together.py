"""The workers of one training that run on this machine, each a process: all of them train, or none does."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import LinesideError
from trainer.distribute.cluster import LOST, VARIABLE, Cluster
from trainer.pipeline.executor import Executor, Report
from trainer.pipeline.step import Properties, Step

Paths = Mapping[str, Path | None]
_PATIENCE_S = 3.0


def train_together(
    step: Step, paths: Paths, values: Mapping[str, Any], scratch: Path, here: Sequence[Cluster], report: Report
) -> dict[str, Properties]:
    """Run the step's function in a process for each worker of this machine, `here`; return what the first one returned.

    Each process gets its TF_CONFIG and a scratch folder of its own; the value `shared` names `scratch`, the folder of
    all. `paths` are the first one's; the others write the step's outputs below `scratch`, where they are dropped.
    Raises what the first of them to fail raised, once the others are ended: left alone, TensorFlow waits long for a
    lost one.
    """
    executors = [Executor(scratch / f"worker-{each.index + 1}.log", {VARIABLE: each.as_text()}) for each in here]
    given = {**values, "shared": str(scratch)}
    found: dict[int, dict[str, Properties]] = {}
    failed: list[LinesideError] = []
    cause = threading.Event()

    def work(place: int) -> None:
        first = place == 0
        own = scratch / f"worker-{here[place].index + 1}"
        mine = paths if first else {**paths, **elsewhere(step.outputs, own)}
        own.mkdir(parents=True, exist_ok=True)
        job = replace(step, name=f"worker {here[place].index + 1} of {len(here[place].workers)}")
        try:
            found[place] = executors[place].run(job, mine, given, own, report if first else _unsaid)
        except LinesideError as error:
            failed.append(error)
            if LOST in str(error):
                # It may be noticed by the others before it is seen here that a process has ended.
                cause.wait(_PATIENCE_S)
            else:
                cause.set()
            for executor in executors:
                executor.kill()

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(here))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for executor in executors:
            executor.stop()
    if failed:
        raise next((error for error in failed if LOST not in str(error)), failed[0])
    for each in here:
        shutil.rmtree(scratch / f"worker-{each.index + 1}", ignore_errors=True)
    return found[0]


def _unsaid(text: str, done: float | None) -> None:
    """What the other workers say is what the chief says."""


def elsewhere(outputs: Iterable[str], folder: Path) -> dict[str, Path]:
    """Return empty folders for outputs that nobody needs: every worker makes them, the chief's count."""
    shutil.rmtree(folder, ignore_errors=True)
    paths = {name: folder / name for name in outputs}
    for path in paths.values():
        path.mkdir(parents=True)
    return paths
