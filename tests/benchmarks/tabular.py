"""T1 and T2: the same tabular pipeline here and in TFX 1.16, as whole processes, one after the other in each round.

Parity comes first: same rows in the same splits, which the data names to both; then statistics, transformed values and
AUC are compared. Without TFX the pipeline of this project is measured alone.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

from tests.benchmarks.figure import Figure
from tests.benchmarks.sensor_tables import write_tables
from tests.benchmarks.tfx.environment import NotHere, tfx_python
from tests.benchmarks.timing import BIN, seconds

ROWS, STEPS, ROUNDS = 20_000, 300, 3
_HERE = Path(__file__).parent / "tfx"
_NAME = "cold tabular pipeline"


@dataclass(frozen=True)
class Took:
    """How long a whole process took, what its processors worked, both in seconds, and what it said last."""

    wall: float
    cpu: float
    said: dict[str, Any]


def tabular_figures() -> Iterator[Figure]:
    """Measure T1 and T2."""
    try:
        tfx = tfx_python(os.environ)
    except NotHere as reason:
        print(f"T1 and T2 without TFX: {reason}", file=sys.stderr)  # noqa: T201
        tfx = None
    with tempfile.TemporaryDirectory(prefix="bench-tabular-") as folder:
        data = Path(folder) / "data"
        write_tables(data, ROWS)
        rounds = [_round(data, Path(folder) / f"round{seed}", seed, tfx) for seed in range(1, ROUNDS + 1)]
        yield from _figures(rounds)
        if tfx is not None:
            yield from _parity(data, [Path(folder) / f"round{seed}" for seed in range(1, ROUNDS + 1)])


def _round(data: Path, root: Path, seed: int, tfx: Path | None) -> dict[str, Took]:
    """Run both cold and cached, taking turns in who begins."""
    root.mkdir(parents=True)
    calls = {"ours": _ours(data, root / "ours", seed)}
    if tfx is not None:
        calls["tfx"] = _tfx(tfx, data, root / "tfx", seed)
        (root / "tfx").mkdir()
    order = sorted(calls, reverse=bool(seed % 2))
    found = {f"{name}.cold": _took(calls[name], root / f"{name}.log") for name in order}
    found |= {f"{name}.cached": _took(calls[name], root / f"{name}.log") for name in order}
    cached = [step["status"] for step in found["ours.cached"].said["steps"]]
    if set(cached) != {"cached"}:
        raise RuntimeError(f"the second run was not cached: {cached}")
    return found


def _ours(data: Path, root: Path, seed: int) -> list[str]:
    chosen = ["--set", f"seed={seed}", "--set", f"trainer.steps={STEPS}"]
    places = ["--recipe", str(_HERE / "sensors.yaml"), "--data", str(data / "ours"), "--root", str(root)]
    return [str(BIN / "trainer"), "pipeline", "run", *places, *chosen, "--json"]


def _tfx(python: Path, data: Path, root: Path, seed: int) -> list[str]:
    return [str(python), str(_HERE / "pipeline.py"), str(data / "tfx"), str(root), str(STEPS), str(seed)]


def _took(call: list[str], log: Path) -> Took:
    """Run a whole process. Raises RuntimeError where it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said: list[str] = []
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if "trainer" not in Path(call[0]).name:
        environment.pop("PYTHONPATH", None)

    def work() -> None:
        with log.open("ab") as errors:
            done = subprocess.run(call, stdout=subprocess.PIPE, stderr=errors, text=True, check=False, env=environment)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(call[:3])} ended with {done.returncode}: {log.read_text()[-2000:]}")
        said.extend(line for line in done.stdout.splitlines() if line.startswith("{"))

    wall = seconds(work)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(wall, cpu, dict(json.loads(said[-1])))


def _figures(rounds: list[dict[str, Took]]) -> Iterator[Figure]:
    def middle(name: str) -> float:
        return median(found[name].wall for found in rounds)

    cold, cached = middle("ours.cold"), middle("ours.cached")
    steps = {step["name"]: step["seconds"] for step in rounds[-1]["ours.cold"].said["steps"]}
    slowest = ", ".join(f"{name} {took:.1f}" for name, took in sorted(steps.items(), key=lambda item: -item[1])[:5])
    note = f"{ROWS} rows, {STEPS} steps of 64, whole process, median of {len(rounds)}; of the last round: {slowest} s"
    yield Figure("T1.s", _NAME, cold, "s", None, "lower", note)
    if "tfx.cold" not in rounds[0]:
        yield Figure("T2", "the same fully cached", cached, "s", 1.0, "lower", "whole process")
        return
    ratio = median(found["ours.cold"].wall / found["tfx.cold"].wall for found in rounds)
    inside = median(found["tfx.cold"].said["inside"] for found in rounds)
    note = f"TFX 1.16 {middle('tfx.cold'):.1f} s, {inside:.1f} s of it inside its runner; rounds interleaved"
    yield Figure("T1", f"{_NAME}, share of TFX's time", ratio, "", 0.25, "lower", note)
    work = median(found["ours.cold"].cpu / found["tfx.cold"].cpu for found in rounds)
    note = f"{rounds[-1]['ours.cold'].cpu:.1f} s against {rounds[-1]['tfx.cold'].cpu:.1f} s in the last round"
    yield Figure(
        "T1.cpu", "the same in processor time, which other programs disturb less", work, "", None, "lower", note
    )
    note = f"whole process, median of {len(rounds)}; TFX {middle('tfx.cached'):.1f} s"
    yield Figure("T2", "the same fully cached", cached, "s", 1.0, "lower", note)


def _parity(data: Path, rounds: list[Path]) -> Iterator[Figure]:
    """Compare what both made, in a process of its own for the libraries that this takes."""
    call = [sys.executable, "-m", "tests.benchmarks.tabular_parity", str(data), *map(str, rounds)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the comparison with TFX failed: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    note = f"rows {found['rows']}; {found['features']} columns of each split, histograms and words included"
    yield Figure("T1.statistics", "columns whose statistics differ from TFX's", found["differ"], "", 0, "lower", note)
    note = f"largest of {found['values']} transformed values of the test rows"
    yield Figure(
        "T1.transform", "difference of a transformed value to TFX's", found["transform"], "", 1e-6, "lower", note
    )
    ours, theirs = found["auc"]
    spread = max(max(each) - min(each) for each in (ours, theirs))
    shown = ", ".join(f"{a:.4f} / {b:.4f}" for a, b in zip(ours, theirs, strict=True))
    note = f"ours / TFX by seed: {shown}; the target is the spread over the seeds"
    difference = abs(mean(ours) - mean(theirs))
    yield Figure("T1.auc", "difference of the mean AUC on test rows", difference, "", max(spread, 0.002), "lower", note)
