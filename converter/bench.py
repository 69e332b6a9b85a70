"""Runs a graph in the edge runtime, in a process of its own, exactly as a device would, and measures it there."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.errors import Rejected, Unavailable
from edge_agent.contracts.program import python_program

CHILD = "edge_agent.inference.child"
REPEAT = 100
_TIMING_S, _SCORING_S, _LIMIT_S = 2.0, 30.0, 300.0


@dataclass(frozen=True)
class EdgeRun:
    """What the edge runtime answered: scores by output name (n, …), for every `stride`-th picture, and its speed."""

    scores: dict[str, npt.NDArray[np.float32]]
    stride: int
    runtime: str
    threads: int
    p50_ms: float | None
    p95_ms: float | None
    memory_mb: float
    delegated_partitions: int


def run_on_edge(
    model: Path, inputs: Path, outputs: Path, threads: int, repeat: int = REPEAT, python: str = sys.executable
) -> EdgeRun:
    """Score the uint8 pictures of the `.npy` file `inputs` and time `repeat` runs.

    Slow graphs are timed for at most 2 s and scored for about 30 s (then with a stride above 1). Raises Rejected where
    the runtime refuses or crashes on the graph, Unavailable where it takes too long.
    """
    paths = {"model": model, "inputs": inputs, "outputs": outputs}
    request: dict[str, Any] = {name: str(path.resolve()) for name, path in paths.items()}
    request |= {"threads": threads, "repeat": repeat, "time_limit_s": _TIMING_S, "score_limit_s": _SCORING_S}
    answer = _ask(request, python)
    with np.load(outputs, allow_pickle=False) as file:
        scores = {name: np.asarray(file[name], np.float32) for name in file.files}
    known = ("stride", "runtime", "threads", "p50_ms", "p95_ms", "memory_mb", "delegated_partitions")
    return EdgeRun(scores, **{name: answer[name] for name in known})


def _ask(request: dict[str, Any], python: str) -> dict[str, Any]:
    command, text = python_program(CHILD, python=python), json.dumps(request)
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"the edge runtime gave no answer within {_LIMIT_S:.0f} s; is the machine busy?") from error
    if done.returncode < 0:
        raise Rejected(f"RUNTIME_CRASH: the edge runtime died of signal {-done.returncode} on this graph")
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Unavailable(f"the edge runtime did not run ({last}); is lineside[agent] installed?") from error
    if not answer["ok"]:
        raise Rejected(f"RUNTIME: {answer['reason']}")
    return answer


def this_device_class() -> str:
    """Return the device class under which measurements on this machine are filed, such as `x86_64`."""
    return platform.machine().lower() or "unknown"
