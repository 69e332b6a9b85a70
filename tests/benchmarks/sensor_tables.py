"""The rows of the tabular benchmark as files: for TFX one a split, for this project one with a column that says it."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

from trainer.samples.sensors import GOOD, SENSORS, sensor_rows

COLUMNS = ("part", *SENSORS, "material", "machine", "shift", "label")
SPLITS = ("train", "eval", "test")
DEFECT = "defect"


def split_of(part: str) -> str:
    """Return the split of a part: seven tenths train, by the hash of its name."""
    place = int(hashlib.sha256(part.encode()).hexdigest(), 16) % 10
    return "train" if place < 7 else "eval" if place < 8 else "test"


def write_tables(folder: Path, rows: int) -> None:
    """Write `tfx/<split>/data.csv` and `ours/data.csv`."""
    made = [{**row, "label": GOOD if row["label"] == GOOD else DEFECT} for row in sensor_rows(rows, 1)]
    (folder / "ours").mkdir(parents=True)
    both = [{**row, "split": split_of(row["part"])} for row in made]
    _write(folder / "ours" / "data.csv", (*COLUMNS, "split"), both)
    for name in SPLITS:
        (folder / "tfx" / name).mkdir(parents=True)
        _write(folder / "tfx" / name / "data.csv", COLUMNS, [row for row in both if row["split"] == name])


def _write(path: Path, columns: tuple[str, ...], rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
