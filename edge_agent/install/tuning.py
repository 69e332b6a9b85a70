"""How many threads the runtime should get here: measured with the bundle's golden pictures once they have passed.

`python -m edge_agent.install.tuning --bundle DIR --variant ID --cores N` measures and prints one JSON line; it does so
in a child process, which takes a back seat to the line. The result lies in `HOME/threads.json` beside the slots.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from edge_agent.config import RuntimeConfig
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.encoding import Digest, canonical_json
from edge_agent.contracts.errors import LinesideError
from edge_agent.contracts.program import python_program
from edge_agent.contracts.strict import Strict
from edge_agent.inference.delegate import Delegate, delegate_from
from edge_agent.install.selftest import SelfTestResult, run_selftest
from edge_agent.install.slots import read_slots, write_synced

FILE = "threads.json"
MOST = 16
TIMEOUT_S = 60.0
_WORTH = 0.05
_ROUNDS, _ROUND_S, _RUNS = 5, 0.06, 40
_BACK_SEAT = 5

Threads = int | Literal["auto"]


class Tuning(Strict):
    """What was measured: median milliseconds per picture by number of threads; with what, on how many cores."""

    threads: int
    runtime: str
    cores: int
    p50_ms: dict[int, float]


class _Tunings(Strict):
    bundles: dict[Digest, Tuning] = {}


def fewest_worth(p50_ms: Mapping[int, float]) -> int:
    """Return the fewest threads that are hardly slower than the best number: what they leave is the line's.

    >>> fewest_worth({1: 10.0, 2: 5.2, 3: 5.0, 4: 6.0})
    2
    """
    limit = min(p50_ms.values()) * (1.0 + _WORTH)
    return min(threads for threads, taken in p50_ms.items() if taken <= limit)


def read_tuning(root: Path, bundle: str | None) -> Tuning | None:
    """Return what was measured for a bundle, None where nothing was or the file cannot be read."""
    return _read(root).bundles.get(bundle or "")


def threads_for(root: Path, bundle: str, wanted: Threads) -> int:
    """Return how many threads a bundle's model gets: the number asked for, or with `auto` what was measured, else 1."""
    if wanted != "auto":
        return wanted
    found = read_tuning(root, bundle)
    return 1 if found is None else max(1, min(found.threads, cores()))


def cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0))


def delegate_of(config: RuntimeConfig) -> Delegate | None:
    """Return the delegate that the station's settings name."""
    return None if config.delegate is None else Delegate(config.delegate.library, config.delegate.options)


def selftest_of(root: Path, config: RuntimeConfig) -> Callable[[BundleFolder, str], SelfTestResult]:
    """Return the self-test that also measures: a bundle that passes gets its line in `threads.json`.

    A measurement that fails is none, and no reason against the model.
    """

    def test(bundle: BundleFolder, device_class: str) -> SelfTestResult:
        threads, delegate = 1 if config.threads == "auto" else config.threads, delegate_of(config)
        result = run_selftest(bundle, device_class, threads, delegate=delegate)
        if result.ok:
            found = measure(bundle, device_class, cores(), delegate)
            if found is not None:
                remember(root, bundle.folder.name, found)
        return result

    return test


def measure(bundle: BundleFolder, device_class: str, most: int, delegate: Delegate | None = None) -> Tuning | None:
    """Measure a bundle's variant with 1 to `most` threads in a child process; None where that did not work."""
    try:
        variant = bundle.open().variant_for(device_class).id
        options = ["--bundle", str(bundle.folder.absolute()), "--variant", variant, "--cores", str(min(most, MOST))]
        options += ["--delegate", delegate.text()] if delegate is not None else []
        command = python_program("edge_agent.install.tuning", *options)
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
        return Tuning.model_validate_json(done.stdout.splitlines()[-1]) if done.returncode == 0 else None
    except (LinesideError, OSError, subprocess.TimeoutExpired, ValidationError, IndexError):
        return None


def remember(root: Path, bundle: str, found: Tuning) -> None:
    """Write a measurement down; bundles that no slot names any more are forgotten."""
    kept = read_slots(root).kept | {bundle}
    known = {name: tuning for name, tuning in _read(root).bundles.items() if name in kept}
    write_synced(root / FILE, canonical_json(_Tunings(bundles={**known, bundle: found})))


def _read(root: Path) -> _Tunings:
    try:
        return _Tunings.model_validate_json((root / FILE).read_bytes())
    except (OSError, ValidationError):
        return _Tunings()


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry of the child; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m edge_agent.install.tuning")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--variant", required=True)
    parser.add_argument("--cores", type=int, required=True)
    parser.add_argument("--delegate", type=delegate_from)
    options = parser.parse_args(arguments)
    os.nice(_BACK_SEAT)
    try:
        found = _measured(BundleFolder(options.bundle), options.variant, options.cores, options.delegate)
    except (LinesideError, ValueError, RuntimeError, OSError) as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return 3
    sys.stdout.write(json.dumps(found.model_dump(mode="json")) + "\n")
    return 0


def _measured(bundle: BundleFolder, wanted: str, most: int, delegate: Delegate | None) -> Tuning:
    """Take turns among the numbers of threads, so that whatever else the machine does meets all of them alike."""
    import statistics

    from edge_agent.contracts.preprocess import decode, model_input
    from edge_agent.inference.interpreter import Interpreter

    manifest = bundle.open()
    variant = next(variant for variant in manifest.variants if variant.id == wanted)
    data, recipe = bundle.read(variant.blob), manifest.recipe
    pictures = [
        model_input(decode(bundle.read(case.picture), recipe.camera.colour), recipe) for case in manifest.golden.cases
    ]
    candidates = {threads: Interpreter(data, threads, delegate) for threads in range(1, most + 1)}
    taken: dict[int, list[float]] = {threads: [] for threads in candidates}
    for turn in range(_ROUNDS + 1):
        for threads, interpreter in candidates.items():
            found = _time(interpreter, pictures)
            taken[threads] += found if turn else []
    p50_ms = {threads: round(statistics.median(values), 4) for threads, values in taken.items()}
    return Tuning(threads=fewest_worth(p50_ms), runtime=str(candidates[1].runtime), cores=most, p50_ms=p50_ms)


def _time(interpreter: Any, pictures: list[Any]) -> list[float]:
    """Return the milliseconds of some runs, pictures in turn; the first call of all warms up."""
    taken: list[float] = []
    until = time.perf_counter() + _ROUND_S
    while len(taken) < _RUNS and (not taken or time.perf_counter() < until):
        started = time.perf_counter()
        interpreter.run(pictures[len(taken) % len(pictures)])
        taken.append((time.perf_counter() - started) * 1e3)
    return taken


if __name__ == "__main__":
    sys.exit(main())
