"""A small table of sensor readings with its oddities, and the pipeline on it by its command."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

from tests.simulators.tiny_pipeline import trainer
from trainer.pipeline.driver import Driver
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


def statuses(found):
    """Return what became of each step."""
    return {step["name"]: step["status"] for step in found["steps"]}


def predicted(bundle, table, *more):
    """Return what the device's program answers to a table."""
    command = [str(Path(sys.executable).with_name("edge-agent")), "predict", "--bundle", str(bundle), str(table), *more]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def artifact(root, step, output):
    """Return where an output of a step's last execution lies."""
    driver = Driver(root)
    try:
        return driver.store.path(driver.index.latest(step).outputs[output].digest)
    finally:
        driver.close()
