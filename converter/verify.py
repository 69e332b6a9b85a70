"""Checks a bundle as far as it can be checked without a station: hashes, graphs, and the golden answers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from converter.bench import run_on_edge
from converter.flatbuffer import read_graph
from converter.formats.tflite import INTEGER
from converter.targets import not_integer
from edge_agent.contracts.archive import SUFFIX, unpack_archive
from edge_agent.contracts.bundle import BundleFolder, GoldenCase, Manifest, Variant
from edge_agent.contracts.errors import LinesideError, Rejected
from edge_agent.contracts.golden import golden_input
from edge_agent.contracts.scores import probabilities


@dataclass(frozen=True)
class Difference:
    """How far a variant's probabilities on a golden picture lie from those written in the manifest."""

    variant: str
    case: str
    max_diff: float
    ok: bool


@contextmanager
def opened(bundle: Path) -> Iterator[BundleFolder]:
    """Give the bundle at a folder or a `.lineside` file, the latter unpacked for as long. Raises Rejected."""
    if bundle.suffix != SUFFIX:
        yield BundleFolder(bundle)
        return
    with tempfile.TemporaryDirectory(prefix="lineside-") as folder:
        yield unpack_archive(bundle, Path(folder))


def verify(bundle: BundleFolder, expected_id: str | None, threads: int = 1) -> tuple[list[str], list[Difference]]:
    """Return all problems of the bundle and, variant by variant, the differences on the golden pictures.

    With `expected_id` the manifest's digest is checked before anything of it is parsed. Nothing is run whose hash is
    wrong, and every graph runs in a child process. Raises Rejected for a manifest that cannot be read.
    """
    manifest = bundle.open(expected_id)
    problems, differences = [f"blob: {problem}" for problem in bundle.problems()], list[Difference]()
    broken = {case.name for case in manifest.golden.cases if bundle.check(case.picture)}
    cases = [case for case in manifest.golden.cases if case.name not in broken]
    for variant in manifest.variants:
        if variant.format != "tflite" or bundle.check(variant.blob):
            continue
        try:
            problems += _graph_problems(bundle, variant)
            differences += _differences(bundle, manifest, variant, cases, threads)
        except LinesideError as error:
            problems.append(f"{variant.id}: {error}")
    wrong = [d for d in differences if not d.ok]
    return problems + [f"{d.variant}: golden picture {d.case} differs by {d.max_diff:.3f}" for d in wrong], differences


def _graph_problems(bundle: BundleFolder, variant: Variant) -> list[str]:
    graph = read_graph(bundle.read(variant.blob))
    problems = []
    if graph.versions != variant.ops:
        changed = sorted({name for name, _ in graph.versions.items() ^ variant.ops.items()})
        problems.append(f"{variant.id}: operators are not those of the manifest ({', '.join(changed)})")
    floats = not_integer(graph, variant.id) if variant.id in INTEGER else []
    if floats:
        problems.append(f"{variant.id}: NOT_INTEGER: {', '.join(floats)}")
    return problems


def _differences(
    bundle: BundleFolder, manifest: Manifest, variant: Variant, cases: list[GoldenCase], threads: int
) -> list[Difference]:
    judged = [case for case in cases if variant.id in case.expected]
    if not judged:
        raise Rejected("no golden picture has an expected answer; convert again")
    inputs = np.stack([golden_input(bundle.read(case.picture), manifest) for case in judged])
    with tempfile.TemporaryDirectory(prefix="lineside-") as work:
        np.save(Path(work) / "golden.npy", inputs)
        files = Path(work) / "golden.npy", Path(work) / "golden.npz"
        run = run_on_edge(bundle.path(variant.blob), *files, threads=threads, repeat=0)
    found = probabilities(run.scores["logits"], variant.temperature)
    return [_compare(manifest, variant.id, case, row) for case, row in zip(judged, found, strict=True)]


def _compare(
    manifest: Manifest, variant: str, case: GoldenCase, found: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> Difference:
    expected = np.asarray(case.expected[variant])
    if expected.shape != found.shape:
        raise Rejected(f"golden picture {case.name} expects {expected.size} classes, the graph gives {found.size}")
    largest = float(np.abs(found - expected).max())
    # NaN compares false, so a graph that answers NaN is not ok.
    return Difference(variant, case.name, largest, largest <= manifest.golden.tolerance)
