"""A serialized `tf.train.Example` without some of its features, without decoding the others: pictures are large."""

from __future__ import annotations

from collections.abc import Iterator

_LENGTH_DELIMITED = 2
_FIRST = 0x0A
"""Tag of field 1 with a length: `Example.features`, `Features.feature` and the key of a map's entry alike."""


def without_features(serialized: bytes, names: frozenset[bytes]) -> bytes:
    """Return the record without the named features. Raises ValueError for bytes that are no record.

    https://protobuf.dev/programming-guides/encoding: an Example is one field of features, these are a map's entries,
    each with its key in field 1.
    """
    kept = [
        entry
        for tag, features in _fields(serialized)
        if tag == _FIRST
        for inner, entry in _fields(features)
        if inner == _FIRST and _key(entry) not in names
    ]
    content = b"".join(_delimited(entry) for entry in kept)
    return _delimited(content)


def _key(entry: memoryview | bytes) -> bytes:
    return next((bytes(value) for tag, value in _fields(entry) if tag == _FIRST), b"")


def _fields(data: memoryview | bytes) -> Iterator[tuple[int, memoryview]]:
    """Yield tag and content of each field; Examples hold fields with lengths alone."""
    view, place = memoryview(data), 0
    while place < len(view):
        tag, place = _varint(view, place)
        if tag & 7 != _LENGTH_DELIMITED:
            raise ValueError(f"field {tag >> 3} of wire type {tag & 7} is in no tf.train.Example")
        length, place = _varint(view, place)
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


def _delimited(content: memoryview | bytes) -> bytes:
    made = bytearray([_FIRST])
    length = len(content)
    while length > 0x7F:
        made.append(length & 0x7F | 0x80)
        length >>= 7
    made.append(length)
    return bytes(made) + bytes(content)
