"""C1 to C4: five variants of a MobileNetV2, what int8 saves, which one is chosen, and bundles with changed bytes."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from converter.bench import run_on_edge
from edge_agent.contracts.bundle import BundleFolder
from tests.benchmarks.figure import Figure
from tests.benchmarks.mobile import RECIPE, SIZE, convert_plainly, write_model, write_pictures
from tests.benchmarks.mutations import mutate_and_judge
from tests.benchmarks.timing import command, seconds

TRAINED, JUDGED = 60, 40
"""Parts, two pictures each: to calibrate with, and that the converter judges with."""

CONVERSIONS, ROUNDS, RUNS = 3, 5, 40
MUTATIONS, SIGNED = 200, 30
VARIANTS = ("float32", "float16", "dynamic", "int8", "int16x8")


def figures() -> Iterator[Figure]:
    """Make the model, convert it several times, look at the last bundle, then at mutated ones."""
    with tempfile.TemporaryDirectory(prefix="bench-converter-") as name:
        folder = Path(name)
        write_pictures(folder / "train", 1, TRAINED)
        write_pictures(folder / "test", 2, JUDGED)
        (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
        write_model(folder / "train", folder / "model.keras")
        answers: list[dict[str, Any]] = []
        took = [seconds(lambda: answers.append(_convert(folder, len(answers)))) for _ in range(CONVERSIONS)]
        plain = seconds(lambda: convert_plainly(folder / "model.keras", folder / "train"))
        note = (
            f"median of {CONVERSIONS}, {2 * JUDGED} held-out pictures, whole process; plainly and unverified here: next"
        )
        yield Figure("C1", "five variants made and verified", statistics.median(took), "s", 15, "lower", note)
        note = "one process, one after the other, none of them run; 11 s where the target was set"
        yield Figure("C1.plain", "the same five from TensorFlow's converter alone", plain, "s", None, "lower", note)
        yield _int8(answers[-1])
        yield from _choice(folder, answers[-1])
        (folder / "mutations").mkdir()
        yield from _mutations(folder / "mutations")


def _convert(folder: Path, number: int) -> dict[str, Any]:
    answer = command(
        "converter", "convert", folder / "model.keras", "--recipe", folder / "recipe.yaml",
        "--calibration", folder / "train", "--test", folder / "test", "--out", folder / f"out-{number}",
        "--variants", ",".join(VARIANTS),
    )  # fmt: skip
    failed = [row["id"] for row in answer["variants"] if row["status"] == "failed"]
    if failed:
        raise RuntimeError(f"{', '.join(failed)} could not be made: {answer['variants']}")
    return answer


def _int8(answer: dict[str, Any]) -> Figure:
    size = {row["id"]: row["bytes"] for row in answer["variants"]}
    note = f"{size['float32']:,} bytes to {size['int8']:,}"
    return Figure("C2", "int8 smaller than float32", size["float32"] / size["int8"], "x", 2.8, "higher", note)


def _model(answer: dict[str, Any], variant: str) -> Path:
    bundle = BundleFolder(Path(answer["bundle"]))
    return bundle.path(next(v for v in bundle.open().variants if v.id == variant).blob)


def _choice(folder: Path, answer: dict[str, Any]) -> Iterator[Figure]:
    """Time all variants that passed in turn, apart from the converter's own measurement."""
    passed = [row["id"] for row in answer["variants"] if row["status"] == "passed"]
    np.save(folder / "one.npy", np.full((1, SIZE, SIZE, 3), 120, np.uint8))
    took: dict[str, list[float]] = {variant: [] for variant in passed}
    for _ in range(ROUNDS):
        for variant in passed:
            model = _model(answer, variant)
            run = run_on_edge(model, folder / "one.npy", folder / "one.npz", threads=1, repeat=RUNS)
            took[variant].append(run.p50_ms or 0.0)
    median = {variant: statistics.median(times) for variant, times in took.items()}
    ratio = median[answer["chosen"]] / min(median.values())
    note = f"target 1.0, repeated measurements differ by some percent; {answer['chosen']} chosen; " + ", ".join(
        f"{variant} {ms:.2f} ms" for variant, ms in median.items()
    )
    yield Figure("C3", "chosen against the fastest that passes, measured again", ratio, "x", 1.05, "lower", note)


def _mutations(folder: Path) -> Iterator[Figure]:
    found = mutate_and_judge(MUTATIONS, SIGNED, folder)
    count = found["judged"] - found["whole"]
    note = f"{count} mutations of 1,000, {found['ran']} graphs of them run; tflite-runtime: 16 segfaults in 60"
    yield Figure("C4", "mutated bundles that crash their taker", found["crashed"], "bundles", 0, "lower", note)
    note = f"{count} mutations; {found['whole']} more left the content as it was"
    yield Figure("C4", "mutated bundles that are accepted", found["accepted"], "bundles", 0, "lower", note)
    note = f"of {found['ran']} mutated graphs run as if they were signed, each in a child of its own"
    yield Figure(
        "C4.child", "runtime crashes that stayed in the child", found["contained"], "graphs", None, "lower", note
    )
    yield Figure("C4.golden", "passed the golden pictures", found["passed"], "graphs", None, "lower", note)
