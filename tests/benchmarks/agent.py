"""A1, A2, A7, A8: what the station costs beyond the bare runtime loop, on the same frames and the same model.

The bare loop is `set_tensor, invoke, get_tensor` on prepared pictures. The station does all it does on a line: journal
on disk, guards, preprocessing, decision, features, output. Both run in turn in one process.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import cv2
import numpy as np

from edge_agent.agent import Hot, Surroundings
from edge_agent.capture.frame import Frame
from edge_agent.channel import LocalChannel
from edge_agent.config import StationConfig, StorageConfig
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.window import Baseline, Feature, Statistics, WindowHead, encode_window
from edge_agent.home import Home
from edge_agent.inference.champion import Model, load_model
from edge_agent.uplink.windows import FinishedPart, OpenWindow
from tests.benchmarks.figure import Figure
from tests.benchmarks.model import busy_bundle, mobile_bundle
from tests.benchmarks.station import station_figures
from tests.benchmarks.timing import median_seconds
from tests.simulators.line import install

PARTS, WARM_UP = 1500, 100
ROUNDS, PAUSE_S = 5, 4.0
PER_WINDOW = 50
"""Parts of a window where a recipe says nothing else."""

_JUDGED = ("accept", "accept", "model", "ok", 0.1, "0" * 64, 6.2, 1, "")
"""What a finished part is beside its numbers and its features."""


@dataclass
class Memory:
    """A source of frames that already lie in memory."""

    frames: list[np.ndarray]
    live: bool = False
    period_s: float = 0.0
    index: int = 0

    def open(self) -> None:
        return

    def read(self) -> Frame | None:
        self.index += 1
        picture = self.frames[self.index % len(self.frames)]
        return Frame(picture, time.monotonic(), str(self.index), self.index, views=1, live=False)

    def close(self) -> None:
        return


def figures() -> Iterator[Figure]:
    """Measure the station's overhead and the windows."""
    with tempfile.TemporaryDirectory(prefix="bench-agent-") as folder:
        yield from _overhead(Path(folder))
    yield from _windows()
    yield from station_figures()


def _overhead(folder: Path) -> Iterator[Figure]:
    draw = np.random.default_rng(1)
    grey = [draw.integers(60, 200, (240, 320), np.uint8) for _ in range(32)]
    bundle, rounds = busy_bundle(folder / "small"), []
    for number in range(ROUNDS):
        time.sleep(PAUSE_S)  # a neighbour on the machine disturbs one round, and not all
        rounds.append(_compared(folder / f"small-{number}", bundle, grey, PARTS))
    extra = np.array([np.percentile((whole - alone) * 1e3, [50, 99]) for whole, alone in rounds])
    for name, values, target, peers in (("p50", extra[:, 0], 0.3, "peers 1.4 ms; "), ("p99", extra[:, 1], 2.0, "")):
        spread = f"{peers}median of {ROUNDS} rounds, {values.min():.2f} to {values.max():.2f} ms"
        yield Figure(
            "A1", f"agent beyond the bare loop, {name}", float(np.median(values)), "ms", target, "lower", spread
        )
    ratios, alone = [_ratio(*both) for both in rounds], np.concatenate([alone for _, alone in rounds])
    note = f"{min(ratios):.2f} to {max(ratios):.2f}; {_note(alone)}"
    yield Figure("A2", "parts per second against the bare loop", float(np.median(ratios)), "", 0.97, "higher", note)
    colour = [draw.integers(60, 200, (240, 320, 3), np.uint8) for _ in range(32)]
    whole, alone = _compared(folder / "usual", mobile_bundle(folder / "usual"), colour, PARTS // 4)
    usual = "the same with a model of the usual size, MobileNetV2 0.5 at 224 x 224"
    yield Figure("A2", usual, _ratio(whole, alone), "", reference=_note(alone))


def _ratio(whole: np.ndarray, alone: np.ndarray) -> float:
    return float(np.median(alone) / np.median(whole))


def _note(alone: np.ndarray) -> str:
    return f"bare loop p50 {np.median(alone) * 1e3:.2f} ms, {len(alone)} parts each, in turn"


def _compared(folder: Path, bundle: Path, frames: list[np.ndarray], parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the seconds of each part in the station, and in the bare loop just before it."""
    cv2.setNumThreads(1)  # as in the hot process
    home = Home(folder / "home")
    home.root.mkdir(parents=True)
    active = install(home, bundle)
    config = StationConfig(storage=StorageConfig(accept_share=0.0))
    around = Surroundings(source=Memory(frames), random=random.Random(1))
    hot = Hot(home, uuid4(), LocalChannel(lambda message: None), config, around)
    hot.start()
    bare = load_model(BundleFolder(home.bundle(active)), "generic", 1)
    try:
        return _in_turn(hot, bare, [bare.prepare(frame) for frame in frames], parts)
    finally:
        hot.close()


def _in_turn(hot: Hot, bare: Model, prepared: list[np.ndarray], parts: int) -> tuple[np.ndarray, np.ndarray]:
    whole, alone = np.empty(parts), np.empty(parts)
    for index in range(-WARM_UP, parts):
        picture = prepared[(index + WARM_UP) % len(prepared)]
        started = time.perf_counter()
        bare._interpreter.run(picture)
        between = time.perf_counter()
        assert hot.step(0.0)
        if index >= 0:
            whole[index], alone[index] = time.perf_counter() - between, between - started
    return whole, alone


def _windows() -> Iterator[Figure]:
    baseline = forty_features()
    statistics, per_part = _counted(baseline)
    head = WindowHead(
        boot=uuid4(), seq=1, schema_id=baseline.schema_id, bundle="0" * 64, started_ms=0, ended_ms=1, parts=300
    )
    size = len(encode_window(head, statistics))
    total = Statistics.empty(baseline)
    per_merge = median_seconds(lambda: total.merge(statistics), 300)
    yield Figure(
        "A7", "bytes of a window, 40 features, 300 parts", size, "bytes", 2048, "lower", "whylogs 80,937 for 22"
    )
    note = f"whylogs 326 µs; a window of {PER_WINDOW} parts, as the uplink counts it, median of 300"
    yield Figure("A8", "statistics per part, 40 features", per_part * 1e6, "µs", 10, "lower", note)
    yield Figure("A8", "merge of a window, 40 features", per_merge * 1e6, "µs", 50, "lower", "whylogs 10.1 ms")


def _counted(baseline: Baseline) -> tuple[Statistics, float]:
    """Count 300 parts the uplink's way; return them and the seconds that a part takes in a window of `PER_WINDOW`."""
    values = np.random.default_rng(2).normal(6, 3, (300, len(baseline.features))).astype(np.float32)
    rows = [FinishedPart(i + 1, i + 1, *_JUDGED, row.tobytes()) for i, row in enumerate(values)]

    def window(parts: list[FinishedPart]) -> Statistics:
        opened = OpenWindow("0" * 64, baseline, Statistics.empty(baseline), 0.0, 0, 0)
        for part in parts:
            opened.add(part)
        return opened.settle()

    return window(rows), median_seconds(lambda: window(rows[:PER_WINDOW]), 300) / PER_WINDOW


def forty_features() -> Baseline:
    """Return a baseline of forty features with twelve bins each."""
    edges = tuple(float(edge) for edge in range(1, 12))
    return Baseline(
        features=tuple(
            Feature(name=f"f{i:02}", edges=edges, origin=0.0, step=1 / 1024, counts=(1,) * 12, mean=6, deviation=3)
            for i in range(40)
        ),
        labels=("ok", "scratch"),
    )
