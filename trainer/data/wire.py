"""Serialized `tf.train.Example`s, written, read and cut without protocol buffers' classes.

TensorFlow's own come with all of TensorFlow, one object a row takes ten times as long, and pictures are large.
https://protobuf.dev/programming-guides/encoding: an Example is one field of features, these are a map's entries, each
with its key in field 1 and its feature in field 2, which holds a list of bytes, floats or whole numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping

PART, PLACE = "@part", "@row"
"""A record's part and the name of its place, as a table's rows have them beside their columns."""
_VARINT, _LENGTH_DELIMITED, _FIXED32 = 0, 2, 5
_FIRST, _SECOND, _THIRD = 0x0A, 0x12, 0x1A
"""Tags with a length of fields 1 (`Example.features`, `Features.feature`, a key, a list of bytes), 2 and 3."""


def example(features: Mapping[str, bytes]) -> bytes:
    """Return the record that has the named features, in the order of their names; b"" stands for no value."""
    return joined([entry(name, features[name]) for name in sorted(features) if features[name]])


def joined(entries: Iterable[bytes]) -> bytes:
    """Return the record of entries that `entry` made, in the order that is given."""
    return _delimited(b"".join(entries))


def entry(name: str, feature: bytes) -> bytes:
    """Return one entry of the map of features: a name and what it has."""
    return _delimited(_delimited(name.encode()) + _delimited(feature, _SECOND))


def bytes_feature(value: bytes) -> bytes:
    """Return a feature of one value: a list of bytes."""
    return _delimited(_delimited(value))


def float_feature(value: float) -> bytes:
    """Return a feature of one value: a list of float32, which ends with its four bytes."""
    return _delimited(_delimited(struct.pack("<f", value)), _SECOND)


def int_feature(*values: int) -> bytes:
    """Return a feature of these values, none below 0: a list of int64."""
    return _delimited(_delimited(b"".join(map(_varint_of, values))), _THIRD)


def without_features(serialized: bytes, names: frozenset[bytes]) -> bytes:
    """Return the record without the named features. Raises ValueError for bytes that are no record."""
    return joined(_delimited(entry) for entry in _entries(serialized) if _part(entry, _FIRST) not in names)


def values_of(serialized: bytes) -> Iterator[tuple[str, list[bytes] | list[float] | list[int]]]:
    """Yield each feature's name and values. Raises ValueError for bytes that are no record."""
    for one in _entries(serialized):
        name = _part(one, _FIRST).decode()
        for tag, content in _fields(_part(one, _SECOND)):
            if tag == _FIRST:
                yield name, [bytes(value) for inner, value in _fields(content) if inner == _FIRST]
            elif tag == _SECOND:
                yield name, _floats(content)
            elif tag == _THIRD:
                yield name, _whole_numbers(content)


def _entries(serialized: bytes) -> Iterator[memoryview]:
    for tag, features in _fields(serialized):
        if tag == _FIRST:
            yield from (content for inner, content in _fields(features) if inner == _FIRST)


def _part(entry: memoryview | bytes, wanted: int) -> bytes:
    return next((bytes(value) for tag, value in _fields(entry) if tag == wanted), b"")


def _floats(content: memoryview) -> list[float]:
    """Return the values of a list of floats: packed into one field, or in a field each."""
    raw = b"".join(bytes(value) for _, value in _fields(content, lengths_alone=False))
    if len(raw) % 4:
        raise ValueError("a list of floats is cut off")
    return [value for (value,) in struct.iter_unpack("<f", raw)]


def _whole_numbers(content: memoryview) -> list[int]:
    found = []
    for _, value in _fields(content, lengths_alone=False):
        place = 0
        while place < len(value):
            number, place = _varint(value, place)
            found.append(number - (1 << 64) if number >> 63 else number)
    return found


def _fields(data: memoryview | bytes, lengths_alone: bool = True) -> Iterator[tuple[int, memoryview]]:
    """Yield tag and content of each field; only lists that are not packed hold fields without a length."""
    view, place = memoryview(data), 0
    while place < len(view):
        tag, place = _varint(view, place)
        kind = tag & 7
        if kind == _LENGTH_DELIMITED:
            length, place = _varint(view, place)
        elif lengths_alone or kind not in (_VARINT, _FIXED32):
            raise ValueError(f"field {tag >> 3} of wire type {kind} is in no tf.train.Example")
        else:
            length = 4 if kind == _FIXED32 else _varint(view, place)[1] - place
        if place + length > len(view):
            raise ValueError("the record is cut off")
        yield tag, view[place : place + length]
        place += length


def _varint(view: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(view):
            raise ValueError("the record is cut off")
        byte = view[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7


def _delimited(content: memoryview | bytes, tag: int = _FIRST) -> bytes:
    return b"".join((bytes([tag]), _varint_of(len(content)), content))


def _varint_of(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])
