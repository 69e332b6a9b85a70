"""`edge-agent replay`: recorded pictures through the very code that judges them on the station."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_agent.capture.frame import Frame, Source
from edge_agent.capture.sources import make_source
from edge_agent.clock import SYSTEM, Clock
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import Rejected
from edge_agent.inference.champion import Model, load_model
from edge_agent.inspection import Finding, Inspector, View, named, original_peak

COLUMNS = ("image", "verdict", "label", "score", "peak_x", "peak_y", "latency_ms")


@dataclass(frozen=True)
class Replayed:
    """How much was judged, and the median time per picture in milliseconds."""

    images: int
    parts: int
    p50_ms: float


def replay(
    bundle: Path, source_url: str, out: Path, device_class: str, threads: int, clock: Clock = SYSTEM
) -> Replayed:
    """Judge every part of a source and write one line per picture to `out` (columns `COLUMNS`).

    `score`, `label`, peak and latency are the picture's, `verdict` is the part's. There is no deadline: a recorded part
    waits. Raises Rejected for a damaged bundle, ConfigError for a source without pictures.
    """
    folder = BundleFolder(bundle)
    problems = folder.problems(folder.open().blobs_for(device_class))
    if problems:
        raise Rejected(f"{bundle}: {problems[0]}; fetch the bundle again")
    model = load_model(folder, device_class, threads)
    source = make_source(source_url, clock)
    source.open()
    inspector = Inspector(clock)
    latencies: list[float] = []
    parts = 0
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for frames in grouped(source, model.recipe.views.count):
            finding = inspector.inspect(frames, model, model.recipe.automation, math.inf)
            parts += 1
            latencies.extend(view.latency_ms for view in finding.views)
            writer.writerows(_row(view, finding, model) for view in finding.views)
    source.close()
    return Replayed(len(latencies), parts, round(sorted(latencies)[len(latencies) // 2], 3) if latencies else 0.0)


def grouped(source: Source, views: int) -> Iterator[list[Frame]]:
    """Yield the frames of one part after the other; a last part with too few frames comes as it is."""
    frames: list[Frame] = []
    while (frame := source.read()) is not None:
        frames.append(frame)
        if len(frames) >= (frames[0].views or views):
            yield frames
            frames = []
    if frames:
        yield frames


def _row(view: View, finding: Finding, model: Model) -> list[str]:
    verdict = finding.ruling.verdict.value
    name = view.frame.name or f"{view.frame.serial}/{view.frame.view}"
    inference = view.inference
    if inference is None:
        return [name, verdict, "", "", "", "", f"{view.latency_ms:.3f}"]
    peak = original_peak(inference, model)
    place = [f"{peak[0]:.5f}", f"{peak[1]:.5f}"] if peak is not None else ["", ""]
    label = named(inference, inference.score, model)
    return [name, verdict, label, f"{inference.score:.6f}", *place, f"{view.latency_ms:.3f}"]
