"""The only place that imports a TFLite runtime: `ai-edge-litert` or `tflite-runtime`, whichever is there.

A picture goes in as uint8 and is quantised by table (a row of a table as float32 and as it is), scores come out as
float32. Nothing here judges the scores: NaN is handed on, and the caller decides what it means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.inference.delegate import Delegate
from edge_agent.inference.delegate import load as load_delegate

SIGNATURE = "serving_default"
PICTURE, ROW = "image", "row"
"""What a graph's one input is called."""
RUNTIMES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
"""Distribution and module of each runtime, the preferred one first."""

_LEVELS = 256
_SMALLEST_SHARE = 1e-7

Floats = npt.NDArray[np.float32]
Reader = Callable[[], Floats]


class Scores(NamedTuple):
    """What the graph answered for one picture, dequantised.

    logits (classes,), heatmap (rows, columns) 0..1, embedding (length,); float32. None where the graph has none.
    """

    logits: Floats
    heatmap: Floats | None
    embedding: Floats | None


@dataclass(frozen=True)
class Runtime:
    """Which TFLite runtime is in use."""

    name: str
    version: str
    module: Any

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def load_runtime() -> Runtime:
    """Return the first runtime that is installed and can be loaded. Raises ConfigError where there is none."""
    unfit = []
    for name, module in RUNTIMES.items():
        try:
            return Runtime(name, version(name), import_module(module))
        except PackageNotFoundError:
            continue
        except ImportError as error:  # not only missing: built for another system library or another NumPy
            unfit.append(f"; {name} is installed and cannot be loaded ({' '.join(str(error).split())[:200]})")
    raise ConfigError(f"no TFLite runtime found{''.join(unfit)}; install one of {', '.join(RUNTIMES)}")


class Interpreter:
    """One loaded graph. Not thread-safe: one thread runs it at a time.

    `model` is a path or the bytes of a `.tflite` file; `threads` is passed on when the runtime is constructed, for
    it cannot be changed later. Raises Rejected for a graph that cannot be loaded or breaks the bundle's contract.
    """

    def __init__(self, model: Path | bytes, threads: int, delegate: Delegate | None = None) -> None:
        self.runtime = load_runtime()
        self.threads = threads
        self._tflite = _open(self.runtime, model, threads, delegate)
        inputs, outputs = _signature(self._tflite)
        name, detail = next(iter(inputs.items()))
        self.input_shape: tuple[int, ...] = _picture_shape(detail) if name == PICTURE else _row_shape(detail)
        self.input_dtype = np.dtype(detail["dtype"])
        self._input_index = int(detail["index"])
        self._staged = np.zeros((1, *self.input_shape), self.input_dtype)
        self._stage = _stager(detail, self._staged)
        self._logits, self._classes = self._logits_reader(outputs)
        self._heatmap = self._optional_reader(outputs.get("heatmap"))
        self._embedding = self._optional_reader(outputs.get("embedding"))
        self._set, self._invoke = self._tflite.set_tensor, self._tflite.invoke

    @property
    def classes(self) -> int:
        """Number of classes that the graph scores."""
        return self._classes

    @property
    def delegated_partitions(self) -> int:
        """How many parts of the graph a delegate (such as XNNPACK) took over; 0 = all on reference kernels."""
        return sum(op["op_name"] == "DELEGATE" for op in self._tflite._get_ops_details())

    def run(self, picture: npt.NDArray[np.uint8] | Floats) -> Scores:
        """Score one picture, uint8 (height, width, channels) as `preprocess.model_input` gives it, or one row of a
        table, float32 (columns,) as `row.row_input` gives it.

        Raises ValueError where the shape differs from `input_shape`, RuntimeError where the runtime fails.
        """
        if picture.shape != self.input_shape:
            raise ValueError(f"input of shape {picture.shape}, expected {self.input_shape}")
        self._stage(picture)
        self._set(self._input_index, self._staged)
        self._invoke()
        heatmap, embedding = self._heatmap, self._embedding
        return Scores(
            self._logits(),
            None if heatmap is None else heatmap(),
            None if embedding is None else embedding(),
        )

    def _logits_reader(self, outputs: Mapping[str, Any]) -> tuple[Reader, int]:
        name = "logits" if "logits" in outputs else "probabilities"
        detail = outputs.get(name)
        if detail is None:
            raise Rejected(
                f"graph has outputs {sorted(outputs)}, expected 'logits' or 'probabilities'; export it again"
            )
        read = self._reader(detail)
        return (read if name == "logits" else _log_of(read)), int(np.prod(detail["shape"]))

    def _optional_reader(self, detail: Mapping[str, Any] | None) -> Reader | None:
        return None if detail is None else self._reader(detail)

    def _reader(self, detail: Mapping[str, Any]) -> Reader:
        get, index, shape = self._tflite.get_tensor, int(detail["index"]), _inner_shape(detail["shape"])
        if np.dtype(detail["dtype"]).kind == "f":
            return lambda: get(index).reshape(shape)
        scale, zero = np.float32(detail["quantization"][0]), np.float32(detail["quantization"][1])

        def dequantised() -> Floats:
            values: Floats = get(index).reshape(shape).astype(np.float32)
            values -= zero
            values *= scale
            return values

        return dequantised


def _open(runtime: Runtime, model: Path | bytes, threads: int, delegate: Delegate | None) -> Any:
    source: dict[str, Any] = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
    name = "the given bytes" if isinstance(model, bytes) else str(model)
    if delegate is not None:
        source["experimental_delegates"] = [load_delegate(delegate, runtime.module, str(runtime))]
    try:
        tflite = runtime.module.Interpreter(**source, num_threads=threads)
        tflite.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise Rejected(f"{name}: {runtime} cannot load this graph ({_first_line(error)})") from error
    return tflite


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _signature(tflite: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return tensor details by signature name, for inputs and outputs."""
    if SIGNATURE not in tflite.get_signature_list():
        raise Rejected(f"graph has signatures {sorted(tflite.get_signature_list())}, expected '{SIGNATURE}'")
    runner = tflite.get_signature_runner(SIGNATURE)
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    if list(inputs) not in ([PICTURE], [ROW]):
        raise Rejected(f"graph has inputs {sorted(inputs)}, expected '{PICTURE}' or '{ROW}' alone; export it again")
    return inputs, outputs


def _picture_shape(detail: Mapping[str, Any]) -> tuple[int, int, int]:
    shape = tuple(int(size) for size in detail["shape"])
    if len(shape) != 4 or shape[0] != 1 or shape[3] not in (1, 3):
        raise Rejected(f"graph input 'image' has shape {shape}, expected (1, height, width, 1 or 3)")
    return shape[1], shape[2], shape[3]


def _row_shape(detail: Mapping[str, Any]) -> tuple[int]:
    shape, dtype = tuple(int(size) for size in detail["shape"]), np.dtype(detail["dtype"])
    if len(shape) != 2 or shape[0] != 1 or dtype != np.float32:
        raise Rejected(f"graph input '{ROW}' is {dtype} {shape}, expected float32 (1, columns); convert it again")
    return (shape[1],)


def _inner_shape(shape: npt.NDArray[np.int32]) -> tuple[int, ...]:
    """Drop the batch axis, and a last axis of one channel behind rows and columns."""
    sizes = tuple(int(size) for size in shape)[1:]
    return sizes[:2] if len(sizes) == 3 and sizes[2] == 1 else sizes


def _stager(detail: Mapping[str, Any], staged: npt.NDArray[Any]) -> Callable[[npt.NDArray[Any]], None]:
    """Return what writes a uint8 picture (or a row of floats) into the input buffer, quantised as the tensor wants."""
    target = staged[0]
    if staged.dtype.kind == "f":
        return lambda picture: np.copyto(target, picture)
    table = quantisation_table(staged.dtype, float(detail["quantization"][0]), int(detail["quantization"][1]))
    if staged.dtype == np.int8 and np.array_equal(table.view(np.uint8), np.arange(_LEVELS, dtype=np.uint8) ^ 0x80):
        flipped = target.view(np.uint8)
        return lambda picture: _discard(np.bitwise_xor(picture, 0x80, out=flipped))
    return lambda picture: _discard(np.take(table, picture, out=target, mode="clip"))


def _discard(_: object) -> None:
    return None


def quantisation_table(dtype: np.dtype[Any], scale: float, zero: int) -> npt.NDArray[Any]:
    """Return the quantised value of each grey level 0..255 (256,). Raises Rejected for a scale that is none."""
    if not np.isfinite(scale) or scale <= 0:
        raise Rejected(f"graph input 'image' is {dtype} with scale {scale}, expected a positive one; convert it again")
    limits = np.iinfo(dtype)
    levels = np.rint(np.arange(_LEVELS) / scale) + zero
    table: npt.NDArray[Any] = np.clip(levels, limits.min, limits.max).astype(dtype)
    return table


def _log_of(read: Reader) -> Reader:
    """Turn probabilities into logits, for softmax(log p) = p."""
    return lambda: np.log(np.maximum(read(), np.float32(_SMALLEST_SHARE)))
