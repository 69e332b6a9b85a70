"""A network for pictures learns the same on two devices, and by two processes, as on one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.simulators.small_pictures import EPOCHS
from trainer.distribute.cluster import local_clusters
from trainer.distribute.together import train_together
from trainer.pipeline.executor import Executor
from trainer.pipeline.step import Step

STEP = Step("Trainer", "tests.simulators.small_pictures:train_small", {}, {"model": "Model"})
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("where_the_tests_are"), pytest.mark.timeout(500)]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train on one device and on two, in one process; return the folder of what it wrote."""
    folder = tmp_path_factory.mktemp("here")
    (folder / "model").mkdir()
    executor = Executor(folder / "log.txt")
    values = {"kinds": ["none", "mirrored"], "logical": 2}
    try:
        executor.run(STEP, {"model": folder / "model"}, values, folder, lambda *_: None)
    finally:
        executor.stop()
    return folder / "model"


def same(found: Path, kind: str, expected: Path) -> None:
    """Assert that a training went and ended as the one on one device did."""
    fits = [json.loads((folder / f"fit-{k}.json").read_text()) for folder, k in ((found, kind), (expected, "none"))]
    assert [fit["replicas"] for fit in fits] == [2, 1]
    assert len(fits[0]["losses"]) == EPOCHS
    np.testing.assert_allclose(fits[0]["losses"], fits[1]["losses"], rtol=1e-4)
    assert fits[0]["best"] == pytest.approx(fits[1]["best"], abs=1e-4)
    weights = [np.load(folder / f"weights-{k}.npy") for folder, k in ((found, kind), (expected, "none"))]
    assert np.abs(weights[0] - weights[1]).mean() < 1e-5


def test_two_devices_share_a_batch_of_pictures_and_learn_what_one_learns(here: Path) -> None:
    same(here, "mirrored", here)


def test_two_processes_share_a_batch_of_pictures_and_learn_the_same(here: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    said: list[str] = []
    values = {"kinds": ["multi-worker"], "logical": 1}
    say = lambda text, _: said.append(text)  # noqa: E731
    train_together(STEP, {"model": tmp_path / "model"}, values, tmp_path, local_clusters(2), say)
    same(tmp_path / "model", "multi-worker", here)
    assert said[-1] == f"multi-worker: epoch {EPOCHS} of {EPOCHS}"
