"""How long things take, and the programs of this checkout as a person starts them."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median_seconds(work: Callable[[], object], times: int) -> float:
    """Return the median of how long `work` takes."""
    return statistics.median(seconds(work) for _ in range(times))


def command(*words: object, codes: tuple[int, ...] = (0,), show: bool = False) -> dict[str, Any]:
    """Run one of the four programs with `--json` and return its last line. Raises RuntimeError where it fails.

    `show` leaves the program's progress on the screen.
    """
    call = [str(BIN / str(words[0])), *map(str, words[1:]), "--json"]
    stderr = None if show else subprocess.PIPE
    done = subprocess.run(call, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode not in codes or not lines:
        raise RuntimeError(f"{' '.join(call)} ended with {done.returncode}: {(done.stderr or '')[-2000:]}")
    return dict(json.loads(lines[-1]))


def memory_mb(pid: int) -> float:
    """Return the proportional share of memory (PSS) of a process in MB: pages shared by n processes count 1/n."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1e3
    raise RuntimeError(f"no Pss of process {pid}")
