"""T1 to T5: the pipeline against TFX, statistics, the start of every command, and many pictures read.

The pipeline of pictures is for information: it trains the sample parts' small network and makes one variant.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge_agent.home import Home
from tests.benchmarks.figure import Figure
from tests.benchmarks.ingest import ingest_figures
from tests.benchmarks.starts import start_figures
from tests.benchmarks.table_statistics import statistics_figures
from tests.benchmarks.tabular import tabular_figures
from tests.benchmarks.timing import command, seconds
from tests.simulators.line import TINY, install
from tests.simulators.tiny_pipeline import RECIPE
from trainer.samples.generate import generate_samples

PARTS, EPOCHS, AGAIN = 60, 5, 5
_SETTINGS = (f"epochs={EPOCHS}", "variants=float32", "blessing.auroc_min=0.1", "blessing.recall_min=0")
_STEPS = 10


def figures() -> Iterator[Figure]:
    """Measure; the pipeline's root of the first part is what `status` shows later."""
    with tempfile.TemporaryDirectory(prefix="bench-trainer-") as folder:
        root = Path(folder) / "root"
        yield from _pipeline(Path(folder) / "parts", root)
        yield from statistics_figures()
        yield from tabular_figures()
        yield from start_figures(root, _station(Path(folder) / "station"))
        yield from ingest_figures(Path(folder))


def _pipeline(parts: Path, root: Path) -> Iterator[Figure]:
    made = generate_samples(parts, PARTS, 1)
    cold = seconds(lambda: _run(parts, root, "done"))
    note = f"{made.images} pictures of {PARTS} sample parts, {EPOCHS} epochs, float32 only, whole process"
    yield Figure("T2.pictures", "cold vision pipeline", cold, "s", None, "lower", note)
    again = [seconds(lambda: _run(parts, root, "cached")) for _ in range(AGAIN)]
    note = f"whole process, median of {AGAIN}, longest {max(again):.2f} s"
    yield Figure("T2.pictures", "the same fully cached", statistics.median(again), "s", 1.0, "lower", note)


def _run(parts: Path, root: Path, wanted: str) -> None:
    """Run the pipeline. Raises RuntimeError where not every step ended as `wanted`."""
    chosen = [word for setting in _SETTINGS for word in ("--set", setting)]
    found = command("trainer", "pipeline", "run", "--recipe", RECIPE, "--data", parts, "--root", root, *chosen)
    states = [step["status"] for step in found["steps"]]
    if states != [wanted] * _STEPS:
        raise RuntimeError(f"the steps ended {states}, not all {wanted}: {found['reasons']}")


def _station(home: Path) -> Path:
    """Make the home of a station that stands still."""
    home.mkdir()
    install(Home(home), TINY)
    Home(home).config.write_text("ui:\n  port: 0\n")
    return home
