"""T3: statistics of 100,000 rows and 20 columns in memory, and by TFDV on Beam for comparison.

Run as a program it does the work in a process of its own and prints JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.figure import Figure

ROWS, NUMBERS, WORDS, PARTS = 100_000, 12, 7, 1


def statistics_figures() -> Iterator[Figure]:
    """Measure T3; the same process computes both, one after the other."""
    call = [sys.executable, "-m", "tests.benchmarks.table_statistics"]
    done = subprocess.run(call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    columns = NUMBERS + WORDS + PARTS
    note = (
        f"{ROWS} rows, {columns} columns, median of 3, beyond imports of {found['imports']:.1f} s; "
        f"TFDV on Beam {found['beam']:.1f} s in the same process; equal: {'yes' if found['equal'] else 'NO'}"
    )
    yield Figure("T3", "statistics of a table", found["memory"], "s", 1.0, "lower", note)


def _columns() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    found: dict[str, Any] = {f"number{n}": rng.standard_normal(ROWS).astype(np.float32) for n in range(NUMBERS)}
    found |= {f"word{n}": [f"w{k}" for k in rng.integers(0, 20, ROWS)] for n in range(WORDS)}
    return found | {"part": [f"P{n:06d}" for n in range(ROWS)]}


def _main() -> None:
    begun = time.perf_counter()
    import apache_beam as beam
    import tensorflow_data_validation as tfdv
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from tests.simulators.batches import record_batch
    from trainer.beam.tfdv_in_memory import statistics_of

    imports = time.perf_counter() - begun
    columns = _columns()
    took = []
    for _ in range(3):
        begun = time.perf_counter()
        ours = statistics_of(record_batch(columns))
        took.append(time.perf_counter() - begun)
    batch = record_batch(columns)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "statistics.pb"
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            data = pipeline | beam.Create([batch], reshuffle=False)
            _ = data | tfdv.GenerateStatistics() | tfdv.WriteStatisticsToBinaryFile(str(path))
        on_beam = time.perf_counter() - begun
        theirs = statistics_pb2.DatasetFeatureStatisticsList()
        theirs.ParseFromString(path.read_bytes())
    by_name = {tuple(each.path.step): each for each in theirs.datasets[0].features}
    equal = all(each == by_name[tuple(each.path.step)] for each in ours.datasets[0].features)
    found = {"imports": imports, "memory": sorted(took)[1], "beam": on_beam, "equal": equal}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    _main()
