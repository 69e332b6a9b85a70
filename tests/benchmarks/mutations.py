"""C4: bundles with changed bytes, as a stick or a network may bring them: none may be taken, none may crash the taker.

Three kinds: the archive's bytes, a blob's bytes in the unpacked folder, and a graph whose new digest the manifest
names, so that all hashes fit but the manifest's own. The last are also run as if somebody had signed them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from converter.verify import opened, verify
from edge_agent.contracts.archive import SUFFIX, pack_archive
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import LinesideError
from edge_agent.install.selftest import run_selftest
from tests.simulators.line import TINY, altered_bundle

KINDS = ("archive", "blob", "graph")
_CHANGED = 20
"""Bytes that are changed at once, at most."""


def mutate_and_judge(count: int, signed: int, folder: Path) -> Counter[str]:
    """Judge `count` mutations in a process of its own; `signed` of the graphs are run as well.

    Counts: `judged`, `whole` (the change did no harm to the content, so it is none), `accepted`, `crashed`, `ran`
    (signed graphs), `passed` (of those, by the golden test), `contained` (of those, the child died).
    """
    found: Counter[str] = Counter()
    first = 0
    while first < count:
        call = [sys.executable, "-m", "tests.benchmarks.mutations", str(first), str(count), str(signed), str(folder)]
        done = subprocess.run(call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        found.update(what for line in lines for what in line)
        first += len(lines)
        if first < count:
            found.update(["judged", "crashed"])
            first += 1
    return found


def _one(number: int, signed: int, folder: Path) -> list[str]:
    draw, kind = np.random.default_rng([7, number]), KINDS[number % len(KINDS)]
    wanted = BundleFolder(TINY).id
    bundle = _mutated(kind, draw, folder)
    words = [*_judged(bundle, wanted), "judged"]
    if kind == "graph" and number < signed * len(KINDS):
        result = run_selftest(BundleFolder(bundle), "generic", timeout_s=60)
        words += ["ran"] + ["passed"] * result.ok + ["contained"] * ("crashed the runtime" in result.reason)
    return words


def _judged(bundle: Path, wanted: str) -> list[str]:
    """Check the bundle against the digest that was signed."""
    try:
        with opened(bundle) as found:
            problems, _ = verify(found, wanted)
            same = found.id == wanted and not found.problems()
    except LinesideError:
        return []
    return ["whole"] if same else [] if problems else ["accepted"]


def _mutated(kind: str, draw: np.random.Generator, folder: Path) -> Path:
    if kind == "archive":
        target = folder / f"mutated{SUFFIX}"
        pack_archive(BundleFolder(TINY), target)
        target.write_bytes(_changed(target.read_bytes(), draw))
        return target
    blobs = sorted((TINY / "blobs" / "sha256").iterdir())
    if kind == "blob":
        target = shutil.copytree(TINY, folder / "bundle")
        blob = target / "blobs" / "sha256" / blobs[int(draw.integers(len(blobs)))].name
        blob.write_bytes(_changed(blob.read_bytes(), draw))
        return Path(target)
    graph = next(variant for variant in BundleFolder(TINY).open().variants if variant.id == "float32")
    return altered_bundle(
        folder / "bundle",
        model=_changed(BundleFolder(TINY).read(graph.blob), draw),
        chosen="float32",
        device_map={},
        recipe__deadline_ms=BundleFolder(TINY).open().recipe.deadline_ms,
    )


def _changed(data: bytes, draw: np.random.Generator) -> bytes:
    """Return other bytes: a few changed, or the end cut off."""
    broken = bytearray(data)
    if draw.random() < 0.2:
        return bytes(broken[: int(draw.integers(1, len(broken)))])
    for place in draw.integers(0, len(broken), int(draw.integers(1, _CHANGED + 1))):
        broken[place] ^= int(draw.integers(1, 256))
    return bytes(broken)


def _main(first: int, count: int, signed: int, folder: Path) -> None:
    for number in range(first, count):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            words = _one(number, signed, Path(place))
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
