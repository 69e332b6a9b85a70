"""The other kinds of vision model go the whole way: to int8 on every runtime, and through the pipeline's command."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converter.flatbuffer import read_graph
from converter.targets import DEFAULT_TARGET, TARGETS, not_integer, op_problems
from converter.workshop import Job, Workshop
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.recipe import Recipe
from tests.simulators.tiny_pipeline import result, run

pytestmark = pytest.mark.slow
KINDS: dict[str, dict[str, Any]] = {
    "mobilenet": {"backbone": "mobilenet-v2-0.35"},
    "anomaly": {"backbone": "tiny", "model": "anomaly"},
}


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every kind, untrained, at 64 x 64 in colour, as int8."""
    from trainer.vision.export import export
    from trainer.vision.network import build

    folder = tmp_path_factory.mktemp("kinds")
    np.save(folder / "calibration.npy", np.random.default_rng(1).integers(30, 200, (4, 64, 64, 3)).astype(np.float32))
    jobs = {}
    for kind, network in KINDS.items():
        recipe = Recipe.model_validate(
            {
                "name": "test",
                "labels": {"good": "ok", "defects": ["pit", "crack"]},
                "camera": {"colour": "rgb"},
                "network": {"height": 64, "width": 64, "embedding": 8, **network},
            }
        )
        saved = export(build(recipe), recipe, folder / kind)
        jobs[kind] = {"export": str(saved), "output": str(folder / f"{kind}.tflite")}
    common = {"variant": "int8", "calibration": str(folder / "calibration.npy")}
    with Workshop(folder / "log") as workshop:
        answers = workshop.run([Job(kind, "tflite", common | job) for kind, job in jobs.items()])
    assert all(answer.ok for answer in answers.values()), answers
    return {kind: folder / f"{kind}.tflite" for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_becomes_integers_that_the_oldest_runtime_can_calculate(
    converted: dict[str, Path], kind: str
) -> None:
    graph = read_graph(converted[kind].read_bytes())
    assert op_problems(graph, TARGETS[DEFAULT_TARGET]) == []
    assert not_integer(graph, "int8") == []
    assert len(graph.outputs) == 3


def training(root: Path) -> Any:
    """Return what the one training below the root wrote down."""
    return json.loads(next((root / "cas").glob("*/*/training.json")).read_text(encoding="utf-8"))


@pytest.mark.fault("T09")
def test_good_parts_alone_train_the_anomaly_model_and_bless_nothing(tiny_data: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_data, tmp_path / "good")
    with (tiny_data / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with (tmp_path / "good" / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(row for row in rows if row["label"] == "ok")
    found = result(run(tmp_path / "good", tmp_path / "root", "--set", "epochs=1"))
    assert found["blessed"] is False
    assert "insufficient evidence" in found["reasons"][0]
    assert "is defective: the anomaly model is trained" in training(tmp_path / "root")["remarks"][0]


def test_the_anomaly_model_goes_through_the_pipeline_to_int8(tiny_data: Path, tmp_path: Path) -> None:
    wanted = (
        "network.model=anomaly",
        "variants=float32,int8",
        "converter.force=true",
        f"trainer.tensorboard={tmp_path}/tb",
    )
    found = result(run(tiny_data, tmp_path / "root", *(word for text in wanted for word in ("--set", text))))
    manifest = BundleFolder(Path(found["bundle"])).open()
    assert manifest.recipe.network.model == "anomaly"
    assert "int8" in {variant.id for variant in manifest.variants}
    assert list((tmp_path / "tb").glob("*/events.out.tfevents.*"))
    history = training(tmp_path / "root")
    assert history["input"]["step_share"] > 0.5
    assert "anomaly model, calibrated on" in history["remarks"][0]
