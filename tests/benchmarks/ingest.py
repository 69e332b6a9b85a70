"""T5: many pictures read and described, and one changed file found among very many.

Run as a program it does the work in a process of its own, so that its peak memory is the pipeline's alone.
"""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.benchmarks.figure import Figure
from tests.benchmarks.timing import seconds

PICTURES, FILES = 3_000, 50_000
RECIPE = "machined-surface"
_WIDTH, _HEIGHT = 640, 480
_VIEWS = 3


def ingest_figures(folder: Path) -> Iterator[Figure]:
    """Measure both halves of T5."""
    _make_pictures(folder / "pictures", PICTURES)
    found = _measured("pictures", folder / "pictures", folder / "root")
    rate = PICTURES / (found["listing"] + found["examples"] + found["statistics"])
    parts = ", ".join(f"{name} {found[name]:.1f} s" for name in ("listing", "examples", "statistics"))
    note = f"{PICTURES} JPEGs of 10,000, {_WIDTH} x {_HEIGHT}: {parts}; imports {found['imports']:.1f} s come on top"
    yield Figure("T5", "pictures ingested and described", rate, "images/s", 400, "higher", note)
    yield Figure("T5", "peak memory of that process", found["peak_mb"], "MB", 1500, "lower", "TensorFlow included")
    _make_files(folder / "files", FILES)
    found = _measured("files", folder / "files", folder / "root")
    note = f"{FILES} files of a few bytes; first time {found['first']:.1f} s; DVC hashes again"
    yield Figure("T5", "one changed file among 50,000 found", found["again"], "s", 2.0, "lower", note)


def _measured(kind: str, data: Path, root: Path) -> dict[str, float]:
    call = [sys.executable, "-m", "tests.benchmarks.ingest", kind, str(data), str(root)]
    done = subprocess.run(call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _make_pictures(folder: Path, count: int) -> None:
    """Write JPEGs of rough grey surfaces, no two alike."""
    draw = np.random.default_rng(3)
    (folder / "images").mkdir(parents=True)
    rough = [cv2.GaussianBlur(draw.normal(128, 60, (2 * _HEIGHT, 2 * _WIDTH)), (0, 0), 1.5) for _ in range(4)]
    rows = []
    for number in range(count):
        y, x = draw.integers(0, _HEIGHT), draw.integers(0, _WIDTH)
        picture = rough[number % 4][y : y + _HEIGHT, x : x + _WIDTH] + draw.uniform(-20, 20)
        name = f"images/{number:05d}.jpg"
        cv2.imwrite(str(folder / name), np.clip(picture, 0, 255).astype(np.uint8))
        rows.append((name, f"p{number // _VIEWS:05d}", "ok" if number // _VIEWS % 10 else "scratch"))
    _write_table(folder, rows)


def _make_files(folder: Path, count: int) -> None:
    (folder / "images").mkdir(parents=True)
    rows = []
    for number in range(count):
        name = f"images/{number:05d}.jpg"
        (folder / name).write_bytes(b"picture %d" % number)
        rows.append((name, f"p{number:05d}", "ok"))
    _write_table(folder, rows)


def _write_table(folder: Path, rows: list[tuple[str, str, str]]) -> None:
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "part", "label"))
        writer.writerows(rows)


def _pictures(data: Path, root: Path) -> dict[str, float]:
    """Do what the first two steps of the pipeline do; return the seconds of each, and the peak memory in MB."""
    started = time.perf_counter()
    import tensorflow_data_validation  # noqa: F401

    from trainer.components.example_gen import example_gen
    from trainer.components.statistics_gen import statistics_gen
    from trainer.pipeline import recipes
    from trainer.pipeline.driver import Driver
    from trainer.pipeline.step import Context
    from trainer.tasks.order import Order
    from trainer.tasks.vision import VisionTask

    found: dict[str, Any] = {"imports": time.perf_counter() - started}
    recipe, chosen = recipes.load(RECIPE, ())
    driver, context = Driver(root), Context(root, lambda text, done: None)
    task = VisionTask(Order(recipe, chosen, root, [data]), driver)
    step = task.graph().step("ExampleGen")
    sliced = task.graph().step("StatisticsGen").parameters
    examples, statistics = root / "examples", root / "statistics"
    examples.mkdir(parents=True)
    statistics.mkdir()
    artifacts = []
    found["listing"] = seconds(lambda: artifacts.append(task.data()))
    values = {**step.parameters, **step.locations}
    found["examples"] = seconds(lambda: example_gen(artifacts[0].path, None, examples, context=context, **values))
    found["statistics"] = seconds(lambda: statistics_gen(examples, statistics, context=context, **sliced))
    driver.close()
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return found


def _files(data: Path, root: Path) -> dict[str, float]:
    """List the data, change one file, list it again; return the seconds of both."""
    from trainer.data.source import list_data
    from trainer.pipeline.driver import Driver

    digests = []

    def listed() -> None:
        driver = Driver(root)
        digests.append(list_data([data], driver.store, driver.index, time.time_ns).digest)
        driver.close()

    first = seconds(listed)
    (data / "images" / f"{FILES // 2:05d}.jpg").write_bytes(b"another picture")
    again = seconds(listed)
    if digests[0] == digests[1]:
        raise RuntimeError("the changed file was not found")
    return {"first": first, "again": again}


if __name__ == "__main__":
    work = {"pictures": _pictures, "files": _files}[sys.argv[1]]
    print(json.dumps(work(Path(sys.argv[2]), Path(sys.argv[3]))))  # noqa: T201
