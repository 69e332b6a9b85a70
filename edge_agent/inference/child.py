"""Runs a graph in a process of its own: a file that crashes the runtime then crashes nobody else.

`python -m edge_agent.inference.child` reads one JSON request on standard input and answers with one JSON line; the
scores go to an `.npz` file. Used for measurements on a machine and for the first load of an unknown graph.
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.errors import LinesideError, Rejected
from edge_agent.inference.interpreter import Interpreter, Scores

FAILED = 3
_WARM_UP = 3
_NO_LIMIT = math.inf
_STATUS = Path("/proc/self/status")


def main() -> None:
    """Answer the request on standard input; exit 0, or 3 with a reason."""
    try:
        answer = _serve(json.loads(sys.stdin.read()))
    except (LinesideError, ValueError, KeyError, TypeError, RuntimeError, OSError) as error:
        _fail(error)
    _say(answer)


def _serve(request: dict[str, Any]) -> dict[str, Any]:
    """Run the request.

    Keys: model (path), inputs (`.npy` path, uint8 (N, height, width, channels) or float32 (N, columns)),
    outputs (`.npz` path, optional),
    threads, repeat (how many timed runs; 0 = none beyond the inputs), time_limit_s (timed runs end there),
    score_limit_s (where all inputs would take longer, every `stride`-th is scored; the answer holds `stride`).
    """
    interpreter = Interpreter(Path(request["model"]), int(request.get("threads", 1)))
    pictures = _pictures(Path(request["inputs"]), interpreter)
    for index in range(_WARM_UP):
        interpreter.run(pictures[index % len(pictures)])
    limit_s = float(request.get("time_limit_s", _NO_LIMIT))
    milliseconds = _time(interpreter, pictures, int(request.get("repeat", 0)), limit_s)
    stride = _stride(milliseconds, len(pictures), float(request.get("score_limit_s", _NO_LIMIT)))
    if request.get("outputs"):
        scores = [interpreter.run(np.ascontiguousarray(picture)) for picture in pictures[::stride]]
        np.savez(Path(request["outputs"]), **_stack(scores))
    return {
        "ok": True,
        "runtime": str(interpreter.runtime),
        "threads": interpreter.threads,
        "input_dtype": str(interpreter.input_dtype),
        "delegated_partitions": interpreter.delegated_partitions,
        "inputs": len(pictures),
        "stride": stride,
        "p50_ms": _quantile(milliseconds, 0.50),
        "p95_ms": _quantile(milliseconds, 0.95),
        "memory_mb": round(peak_memory_mb(), 1),
    }


def _pictures(path: Path, interpreter: Interpreter) -> npt.NDArray[Any]:
    pictures: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    kind = (str(pictures.dtype), pictures.ndim)
    if kind not in (("uint8", 4), ("float32", 2)) or len(pictures) == 0:
        wanted = "uint8 (N, height, width, channels) or float32 (N, columns)"
        raise Rejected(f"{path}: {pictures.dtype} {pictures.shape}, expected {wanted}")
    if pictures.shape[1:] != interpreter.input_shape:
        raise Rejected(f"{path}: inputs of {pictures.shape[1:]}, the graph takes {interpreter.input_shape}")
    return pictures


def _time(interpreter: Interpreter, pictures: npt.NDArray[Any], repeat: int, limit_s: float) -> list[float]:
    """Return the milliseconds of each of `repeat` runs, the pictures taken in turn, fewer where the limit is hit."""
    measured: list[float] = []
    for index in range(repeat):
        if sum(measured) > limit_s * 1e3:
            break
        picture = np.ascontiguousarray(pictures[index % len(pictures)])
        started = time.perf_counter()
        interpreter.run(picture)
        measured.append((time.perf_counter() - started) * 1e3)
    return measured


def _stride(milliseconds: list[float], pictures: int, limit_s: float) -> int:
    """Return 1, or every how many pictures can be scored within the limit."""
    expected_s = float(np.median(milliseconds)) * pictures / 1e3 if milliseconds else 0.0
    return max(1, min(pictures, math.ceil(expected_s / limit_s)))


def _quantile(values: list[float], share: float) -> float | None:
    return round(float(np.quantile(values, share)), 4) if values else None


def _stack(scores: list[Scores]) -> dict[str, npt.NDArray[np.float32]]:
    arrays = {"logits": np.stack([s.logits for s in scores]).astype(np.float32)}
    heatmaps = [s.heatmap for s in scores if s.heatmap is not None]
    embeddings = [s.embedding for s in scores if s.embedding is not None]
    if heatmaps:
        arrays["heatmap"] = np.stack(heatmaps).astype(np.float32)
    if embeddings:
        arrays["embedding"] = np.stack(embeddings).astype(np.float32)
    return arrays


def peak_memory_mb() -> float:
    """Return the largest resident size of this process in MB.

    From `VmHWM` where there is one: `ru_maxrss` would also count the parent's size before the exec.
    """
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _fail(error: Exception) -> NoReturn:
    reason = " ".join(str(error).split()) or type(error).__name__
    _say({"ok": False, "reason": f"missing key {reason}" if isinstance(error, KeyError) else reason})
    sys.exit(FAILED)


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
