"""A small table of sensor readings with its oddities, and the pipeline on it by its command."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.simulators.tiny_pipeline import trainer
from trainer.samples.sensors import COLUMNS, sensor_rows

RECIPE = "turned-part"
TINY = ["epochs=6", "blessing.auroc_min=0.1", "blessing.recall_min=0", "variants=float32"]
SET_TINY = [word for setting in TINY for word in ("--set", setting)]


def write_table(path: Path, rows: int, seed: int = 1, **changed: dict[int, str]) -> Path:
    """Write readings of `rows` parts; `changed` maps a column (an old or a new one) to cells by row."""
    header = [*COLUMNS, *(name for name in changed if name not in COLUMNS)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header, restval="", lineterminator="\n")
        writer.writeheader()
        for number, row in enumerate(sensor_rows(rows, seed)):
            writer.writerow({**row, **{name: cells[number] for name, cells in changed.items() if number in cells}})
    return path


def run(data: Path, root: Path, *more: str, recipe: str = RECIPE):
    """Run the pipeline on a table."""
    return trainer("pipeline", "run", "--recipe", recipe, "--data", data, "--root", root, *SET_TINY, *more, "--json")
