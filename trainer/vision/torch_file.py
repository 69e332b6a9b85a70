"""Weights out of a file that PyTorch saved, read without PyTorch and without running anything that is in it.

The file is a sequence of pickles, then the numbers of each storage (the format of PyTorch before 1.6). A pickle can
name any function: here the few names that tensors are made of are known, every other one is refused.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.errors import Rejected

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_KINDS = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8", "IntStorage": "<i4"}
_LARGEST = 1 << 30


@dataclass(frozen=True)
class _Storage:
    """A row of numbers that is still to be read: its key, its type and how many there are."""

    key: str
    kind: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage: offset, shape and strides in numbers."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read(self, storages: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
        values = storages[self.storage.key]
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        if min((self.offset, *self.strides), default=0) < 0 or last >= len(values) or min(self.shape, default=1) < 1:
            raise ValueError(f"a tensor of {self.shape} lies outside its {len(values)} numbers")
        steps = [step * values.itemsize for step in self.strides]
        return np.array(np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, steps, writeable=False))


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


class _Reader(pickle.Unpickler):
    """Knows ordered dictionaries, tensors and the names of their storages; nothing else."""

    def find_class(self, module: str, name: str) -> Callable[..., Any] | str:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _KINDS:
            return name
        raise pickle.UnpicklingError(f"it names {module}.{name}, which no tensor needs")

    def persistent_load(self, saved: Any) -> _Storage:
        what, kind, key, _, count, *view = saved
        if what != "storage" or kind not in _KINDS or any(part is not None for part in view):
            raise pickle.UnpicklingError("a storage of an unknown kind")
        return _Storage(str(key), str(kind), int(count))


def read_torch(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the tensors of a saved state dictionary, by name.

    Raises Rejected for a file that is no such one, is damaged, or names anything but tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (OSError, pickle.UnpicklingError, ValueError, TypeError, KeyError, EOFError, AttributeError) as error:
        raise Rejected(
            f"{path}: not tensors as PyTorch saved them ({' '.join(str(error).split())[:120]}); install the file anew"
        ) from error
    except (IndexError, OverflowError, MemoryError, ImportError) as error:
        raise Rejected(f"{path}: damaged ({type(error).__name__}); install the file anew") from error


def _read(file: BinaryIO) -> dict[str, npt.NDArray[Any]]:
    magic, protocol, system, named, keys = (_Reader(file).load() for _ in range(5))
    if (magic, protocol) != (_MAGIC, _PROTOCOL) or not system.get("little_endian"):
        raise ValueError("another format")
    tensors = {str(name): value for name, value in named.items() if isinstance(value, _Tensor)}
    kinds = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages = {key: _numbers(file, kinds[key]) for key in keys}
    return {name: tensor.read(storages) for name, tensor in tensors.items()}


def _numbers(file: BinaryIO, storage: _Storage) -> npt.NDArray[Any]:
    kind = np.dtype(_KINDS[storage.kind])
    count = int.from_bytes(file.read(8), "little")
    if count != storage.count or not 0 <= count * kind.itemsize <= _LARGEST:
        raise ValueError(f"{count} numbers where {storage.count} were announced")
    data = file.read(count * kind.itemsize)
    if len(data) < count * kind.itemsize:
        raise EOFError("the file ends too early")
    return np.frombuffer(data, kind)
