"""Tensors that PyTorch saved, read without it: right numbers, and nothing run that a file names."""

import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.errors import Rejected
from trainer.vision.known_backbones import installed_weights
from trainer.vision.torch_file import read_torch

MAGIC = 0x1950A86A20F9469CFC6C
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
VALUES = np.arange(12, dtype="<f4")


class _Named:
    """Pickled as a call of a function by its name, as PyTorch does it."""

    def __init__(self, module, name, arguments):
        self._module, self._name, self._arguments = module, name, arguments

    def __reduce__(self):
        function = type(self._name, (), {})
        function.__module__, function.__qualname__ = self._module, self._name
        return function, self._arguments


class _Storage:
    """A row of numbers, pickled as a reference."""

    def __init__(self, kind, key, count):
        self.saved = ("storage", kind, key, "cpu", count, None)


class _Pickler(pickle._Pickler):
    """Writes names that are not there to be imported."""

    def persistent_id(self, value):
        return value.saved if isinstance(value, _Storage) else None

    def save_global(self, value, name=None):
        self.write(f"c{value.__module__}\n{value.__qualname__}\n".encode())
        self.memoize(value)

    dispatch = {**pickle._Pickler.dispatch, type: save_global}


def kind(name, module="torch"):
    found = type(name, (), {})
    found.__module__, found.__qualname__ = module, name
    return found


def tensor(shape, strides, offset=0, count=12, storage="FloatStorage"):
    arguments = (_Storage(kind(storage), "1", count), offset, shape, strides, False, OrderedDict())
    return _Named("torch._utils", "_rebuild_tensor_v2", arguments)


def saved(path: Path, content, magic=MAGIC, values=VALUES) -> Path:
    with path.open("wb") as file:
        for value in (magic, 1001, SYSTEM, content, ["1"]):
            _Pickler(file, 2).dump(value)
        file.write(struct.pack("<q", len(values)) + values.tobytes())
    return path


def test_shape_and_strides_are_followed(tmp_path):
    content = OrderedDict(plain=tensor((3, 4), (4, 1)), turned=tensor((4, 2), (1, 4), offset=4), one=tensor((), ()))
    found = read_torch(saved(tmp_path / "w.pth", content))
    assert (found["plain"] == VALUES.reshape(3, 4)).all()
    assert (found["turned"] == VALUES.reshape(3, 4)[1:].T).all()
    assert found["one"] == 0.0


def test_any_other_name_is_refused_and_not_called(tmp_path):
    touched = tmp_path / "touched"
    content = OrderedDict(a=_Named("pathlib", "Path.touch", (str(touched),)))
    for evil in (content, OrderedDict(a=_Named("os", "system", (f"touch {touched}",)))):
        with pytest.raises(Rejected, match="which no tensor needs"):
            read_torch(saved(tmp_path / "w.pth", evil))
    assert not touched.exists()


@pytest.mark.parametrize(
    "content",
    [
        OrderedDict(a=tensor((3, 5), (5, 1))),
        OrderedDict(a=tensor((2,), (1,), offset=11)),
        OrderedDict(a=tensor((2,), (-1,), offset=1)),
        OrderedDict(a=tensor((2,), (1,), storage="ByteStorage")),
        OrderedDict(a=tensor((12,), (1,), count=13)),
    ],
)
def test_what_lies_outside_the_numbers_is_refused(tmp_path, content):
    with pytest.raises(Rejected):
        read_torch(saved(tmp_path / "w.pth", content))


def test_a_damaged_file_is_refused_wherever_it_ends(tmp_path):
    whole = saved(tmp_path / "w.pth", OrderedDict(a=tensor((3, 4), (4, 1)))).read_bytes()
    for end in range(0, len(whole) - 1, 7):
        (tmp_path / "cut.pth").write_bytes(whole[:end])
        with pytest.raises(Rejected):
            read_torch(tmp_path / "cut.pth")
    with pytest.raises(Rejected, match="another format"):
        read_torch(saved(tmp_path / "other.pth", OrderedDict(), magic=7))
    with pytest.raises(Rejected):
        read_torch(tmp_path / "absent.pth")


def test_the_installed_weights_can_be_read():
    found = read_torch(installed_weights())
    assert found["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert found["_blocks.0._bn1.running_var"].min() >= 0
    assert found["_fc.weight"].shape == (1000, 1280)
