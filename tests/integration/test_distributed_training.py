"""Training on two devices and by two processes gives what one device gives; a worker that dies is said and made up."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_agent.contracts.errors import ConfigError, Unavailable
from tests.simulators.small_table import EPOCHS
from trainer.distribute.cluster import local_clusters
from trainer.distribute.joining import join, offered
from trainer.distribute.together import train_together
from trainer.pipeline.executor import Executor
from trainer.pipeline.step import Step

STEP = Step("Trainer", "tests.simulators.small_table:train_small", {}, {"model": "Model"})
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("where_the_tests_are"), pytest.mark.timeout(120)]


def trained(folder: Path, kind: str, logical: int = 1) -> tuple[dict[str, Any], Any]:
    """Train in one process; return what it wrote."""
    executor = Executor(folder / "log.txt")
    (folder / "model").mkdir(parents=True)
    try:
        executor.run(STEP, {"model": folder / "model"}, {"kind": kind, "logical": logical}, folder, lambda *_: None)
    finally:
        executor.stop()
    return outcome(folder)


def together(folder: Path, said: list[str], dies: str = "") -> dict[str, Any]:
    """Train by two processes."""
    (folder / "model").mkdir(parents=True, exist_ok=True)
    values = {"kind": "multi-worker", "logical": 1, "dies": dies}
    say = lambda text, _: said.append(text)  # noqa: E731
    return train_together(STEP, {"model": folder / "model"}, values, folder, local_clusters(2), say)


def outcome(folder: Path) -> tuple[dict[str, Any], Any]:
    return json.loads((folder / "model" / "fit.json").read_text()), np.load(folder / "model" / "weights.npy")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Any]:
    return trained(tmp_path_factory.mktemp("alone"), "none")


def test_two_devices_learn_what_one_learns(tmp_path: Path, alone: tuple[dict[str, Any], Any]) -> None:
    found, weights = trained(tmp_path, "mirrored", 2)
    assert found["replicas"] == 2
    np.testing.assert_allclose(found["losses"], alone[0]["losses"], rtol=1e-4)
    np.testing.assert_allclose(weights, alone[1], atol=1e-4)
    assert found["losses"][-1][0] < 0.9 * found["losses"][0][0]


@pytest.mark.fault("T14")
def test_two_processes_learn_the_same_though_one_is_killed(tmp_path: Path, alone: tuple[dict[str, Any], Any]) -> None:
    said: list[str] = []
    with pytest.raises(
        Unavailable, match=r"^worker 2 of 2: the worker process was killed by signal 9; run again to go on"
    ):
        together(tmp_path, said, str(tmp_path / "died"))
    assert not (tmp_path / "model" / "fit.json").exists()
    returned = together(tmp_path, said, str(tmp_path / "died"))
    found, weights = outcome(tmp_path)
    assert returned["model"]["resumed_from"] == found["resumed_from"] == EPOCHS // 2
    assert found["replicas"] == 2
    assert said[-1] == f"epoch {EPOCHS} of {EPOCHS}"
    np.testing.assert_allclose(found["losses"], alone[0]["losses"][EPOCHS // 2 :], rtol=1e-4)
    np.testing.assert_allclose(weights, alone[1], atol=1e-4)
    assert not (tmp_path / "worker-2").exists()


def test_another_machine_joins_by_the_shared_root(tmp_path: Path, alone: tuple[dict[str, Any], Any]) -> None:
    chief, other = local_clusters(2)
    scratch = tmp_path / "scratch" / "key"
    model = scratch.parent / "model"
    model.mkdir(parents=True)
    values = {"kind": "multi-worker", "logical": 1}
    joined = threading.Thread(target=join, args=(tmp_path, other, lambda *_: None, time.sleep, 60.0))
    joined.start()
    with offered(STEP, {"model": model}, values, scratch, chief):
        train_together(STEP, {"model": model}, values, scratch, [chief], lambda *_: None)
    joined.join(60)
    assert not joined.is_alive()
    assert not list(scratch.glob("*.json"))
    np.testing.assert_allclose(np.load(model / "weights.npy"), alone[1], atol=1e-4)


def test_a_worker_waits_for_its_chief_and_the_chief_does_not_join(tmp_path: Path) -> None:
    chief, other = local_clusters(2)
    with pytest.raises(ConfigError, match="run the pipeline there"):
        join(tmp_path, chief, lambda *_: None, time.sleep, 1)
    waited: list[float] = []
    with pytest.raises(Unavailable, match="offered no training for 3 s"):
        join(tmp_path, other, lambda *_: None, waited.append, 3)
    assert sum(waited) == 3
