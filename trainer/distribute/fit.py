"""A training of a compiled Keras model on a table in memory, with checkpoints; killed and called again, it goes on."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edge_agent.contracts.errors import ConfigError, Rejected
from trainer.distribute.batches import rows_of
from trainer.distribute.step import Columns, training_step
from trainer.distribute.strategy import Devices

CHECKPOINT = "table.npz"
Report = Callable[[int, int, float], None]
"""Called with the finished steps, all steps and the mean loss since the last call."""


@dataclass(frozen=True)
class Table:
    """`features` by the names of the model's inputs, `labels` and `weights`: arrays of the same length."""

    features: Columns
    labels: npt.NDArray[Any]
    weights: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Plan:
    """`steps` of `batch` rows each, over all replicas together; a checkpoint and a report after each `every` steps.

    `key` names all that the training depends on, so that no other one's checkpoint is continued.
    """

    steps: int
    batch: int
    seed: int
    key: str = ""
    every: int = 100


@dataclass(frozen=True)
class Fitted:
    """The trained model, the mean loss of each stretch between two checkpoints, and the step that it went on from."""

    model: Any
    losses: tuple[float, ...]
    resumed_from: int


def fit(
    build: Callable[[], Any],
    table: Table,
    plan: Plan,
    folder: Path,
    devices: Devices,
    report: Report = lambda step, of, loss: None,
) -> Fitted:
    """Train what `build` returns, a compiled model, and return it.

    The same table, plan and build give the same model within rounding on any number of replicas, as long as a layer
    treats its rows one by one: dropout draws other numbers, and BatchNormalization sees a replica's rows alone.
    `folder` is the same for all workers (a shared disk). Raises Rejected for an empty table and when the loss stops
    being a number, ConfigError for a batch of less rows than replicas and as `training_step`.
    """
    if not len(table):
        raise Rejected("there are no rows to train on; look at the splits of ExampleGen")
    if plan.batch < devices.replicas:
        raise ConfigError(f"a batch of {plan.batch} rows for {devices.replicas} replicas; give each at least one")
    keras.utils.set_random_seed(plan.seed)
    with devices.strategy.scope():
        model = build()
    step = training_step(model, devices)
    state = [*model.weights, *model.optimizer.variables]
    begin, losses = _resume(folder / CHECKPOINT, plan.key, state)
    since: list[float] = []
    for number in range(begin, plan.steps):
        rows = rows_of(number, len(table), plan.batch, plan.seed)
        loss = step(table.features, table.labels, table.weights, rows)
        if not math.isfinite(loss):
            raise Rejected(f"training failed in step {number + 1}: the loss is {loss}; lower the learning rate")
        since.append(loss)
        done = number + 1
        if done % plan.every == 0 or done == plan.steps:
            losses, since = [*losses, float(np.mean(since))], []
            if devices.chief:
                _save(folder / CHECKPOINT, plan.key, done, losses, state)
            report(done, plan.steps, losses[-1])
    return Fitted(model, tuple(losses), begin)


def _save(path: Path, key: str, step: int, losses: list[float], state: list[Any]) -> None:
    """Write the state whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {f"state.{place:05d}": np.asarray(variable.numpy()) for place, variable in enumerate(state)}
    unfinished = path.with_name(f".{path.name}.part")
    with unfinished.open("wb") as file:
        np.savez(file, key=np.asarray(key), step=np.asarray(step), losses=np.asarray(losses), **arrays)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _resume(path: Path, key: str, state: list[Any]) -> tuple[int, list[float]]:
    """Load the checkpoint of this very training; return its step and losses, 0 and none where there is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["key"]) != key:
                return 0, []
            arrays = [file[name] for name in sorted(file.files) if name.startswith("state.")]
            step, losses = int(file["step"]), [float(loss) for loss in file["losses"]]
    except (FileNotFoundError, KeyError, ValueError, zipfile.BadZipFile):
        return 0, []
    if len(arrays) != len(state) or any(a.shape != tuple(v.shape) for a, v in zip(arrays, state, strict=True)):
        return 0, []
    for variable, value in zip(state, arrays, strict=True):
        variable.assign(value)
    return step, losses
