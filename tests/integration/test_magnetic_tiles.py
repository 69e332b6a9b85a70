"""Pipeline and agent on real pictures: a few magnetic tiles, whole parts held out, judged as the agent runs the model.

The training is far too short for good figures; `scripts/bench quality` measures those. What is tested is that real
pictures of many sizes and exposures go the whole way, and that the measurement sees what the agent wrote.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.bundle import BundleFolder
from tests.benchmarks.quality import Row, held_out_parts, judged, subset, tiles_of
from tests.simulators.tiny_pipeline import result, trainer

pytestmark = pytest.mark.slow
SMALL = (
    "network.epochs=2",
    "network.height=96",
    "network.width=96",
    "network.pretraining=400",
    "blessing.auroc_min=0",
    "blessing.recall_min=0",
)


def few(rows: list[Row], defective: int = 4, good: int = 14, pictures: int = 2) -> list[Row]:
    """Return the first pictures of the first parts of every label."""
    by_part: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        by_part[row["label"], row["part"]].append(row)
    chosen: list[Row] = []
    for label in sorted({label for label, _ in by_part}):
        parts = [part for its, part in sorted(by_part) if its == label]
        for part in parts[: good if label == "ok" else defective]:
            chosen += by_part[label, part][:pictures]
    return chosen


def table(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_tiles_go_from_labelled_pictures_to_the_agents_verdicts(data_dir: Path, tmp_path: Path) -> None:
    source = data_dir / "magnetic-tile"
    rows = few(table(source / "labels.csv"))
    held = held_out_parts(rows, fold=0, tiles=tiles_of(source, rows))
    known, unseen = ([row for row in rows if (row["part"] in held) is wanted] for wanted in (False, True))
    subset(source, tmp_path / "train", known)
    subset(source, tmp_path / "test", unseen)
    settings = [argument for setting in SMALL for argument in ("--set", setting)]
    made = result(
        trainer(
            "pipeline", "run", "--recipe", "magnetic-tile", "--data", tmp_path / "train", "--root", tmp_path / "root",
            *settings, "--json",
        )
    )  # fmt: skip
    assert [step["name"] for step in made["steps"]][5:7] == ["Pretrainer", "Trainer"]
    assert any("split.eval is 0" in reason for reason in made["reasons"])
    bundle = BundleFolder(Path(made["bundle"]))
    assert bundle.problems() == []
    assert bundle.open().recipe.labels.defects == ("blowhole", "break", "crack", "fray", "uneven")

    out = tmp_path / "results.csv"
    replayed = result(
        edge_agent("replay", "--bundle", bundle.folder, "--source", tmp_path / "test", "--out", out, "--json")
    )
    found = table(out)
    assert replayed["images"] == len(unseen) == len(found)
    assert {row["image"] for row in found} == {row["image"] for row in unseen}
    assert {row["verdict"] for row in found} <= {"accept", "reject", "review"}
    numbers = np.asarray([[float(row[name]) for name in ("score", "peak_x", "peak_y")] for row in found])
    assert ((numbers >= 0) & (numbers <= 1)).all()
    assert numbers[:, 0].std() > 0

    figures = judged(unseen, found, source)
    assert all(0 <= figures[name] <= 1 for name in ("image", "part"))
    assert len(figures["hits"]) == sum(bool(row["mask"]) for row in unseen)
    perfect = [row | {"score": str(float(truth["label"] != "ok"))} for row, truth in aligned(found, unseen)]
    assert judged(unseen, perfect, source)["part"] == 1.0


def edge_agent(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("edge-agent")), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def aligned(found: list[Row], rows: list[Row]) -> list[tuple[Row, Row]]:
    by_image = {row["image"]: row for row in rows}
    return [(row, by_image[row["image"]]) for row in found]
