"""Several workers of one training as processes of this machine: all of them train, or none does."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import LinesideError
from trainer.distribute.cluster import VARIABLE, local_clusters
from trainer.pipeline.executor import Executor, Report
from trainer.pipeline.step import Properties, Step

Paths = Mapping[str, Path | None]


def train_together(
    step: Step, paths: Paths, values: Mapping[str, Any], scratch: Path, count: int, report: Report
) -> dict[str, Properties]:
    """Run the step's function in `count` processes that find each other by TF_CONFIG; return what the chief returned.

    `paths` are the chief's; the other workers write the step's outputs below `scratch`, where they are dropped. Raises
    what the first of them to fail raised, once the others are ended: left alone, TensorFlow waits long for a lost one.
    """
    found: dict[int, dict[str, Properties]] = {}
    failed: list[tuple[int, LinesideError]] = []
    executors = [
        Executor(scratch / f"worker-{each.index + 1}.log", {VARIABLE: each.as_text()}) for each in local_clusters(count)
    ]

    def work(index: int) -> None:
        mine = paths if index == 0 else {**paths, **_elsewhere(step, scratch, index)}
        try:
            found[index] = executors[index].run(step, mine, values, scratch, report if index == 0 else _unsaid)
        except LinesideError as error:
            failed.append((index, error))
            for executor in executors:
                executor.kill()

    threads = [threading.Thread(target=work, args=(index,)) for index in range(count)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for executor in executors:
            executor.stop()
    if failed:
        index, error = failed[0]
        raise type(error)(f"worker {index + 1} of {count}: {error}") from error
    for index in range(1, count):
        shutil.rmtree(_folder(scratch, index), ignore_errors=True)
    return found[0]


def _unsaid(text: str, done: float | None) -> None:
    """What the other workers say is what the chief says."""


def _folder(scratch: Path, index: int) -> Path:
    return scratch / f"worker-{index + 1}"


def _elsewhere(step: Step, scratch: Path, index: int) -> dict[str, Path]:
    folder = _folder(scratch, index)
    shutil.rmtree(folder, ignore_errors=True)
    outputs = {name: folder / name for name in step.outputs}
    for path in outputs.values():
        path.mkdir(parents=True)
    return outputs
