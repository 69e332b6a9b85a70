"""TFRecord files of `tf.train.Example`: the records one by one, a damaged one told and stepped over."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import Rejected

_FRAME = struct.Struct("<QI")
"""Length of a record and its masked checksum; after the record another checksum of four bytes."""
_TAIL = 4
_CASTAGNOLI, _MASK = 0x82F63B78, 0xA282EAD8
_ALL = 0xFFFFFFFF


def serialized_records(path: Path, data: bytes, name: str) -> Iterator[bytes | None]:
    """Yield the records of the file, whose content is `data`; None for one that its checksum contradicts.

    Raises Rejected where a length is damaged or the file ends within a record: what follows cannot be found then.
    """
    import tensorflow as tf

    good = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            good += 1
            yield bytes(record)
    except tf.errors.DataLossError:
        yield from _remaining(path, data, name, good)


def _remaining(path: Path, data: bytes, name: str, good: int) -> Iterator[bytes | None]:
    """Go on after `good` records, each from the place where the one before ends."""
    import tensorflow as tf
    from tensorflow.python.lib.io.tf_record import tf_record_random_reader

    reader: Any = tf_record_random_reader(str(path))
    place = 0
    for number in range(1 << 62):
        if place == len(data):
            return
        following = _end_of_record(data, place)
        if following is None:
            raise Rejected(f"{name}: damaged after record {number}; write it again")
        if number >= good:
            try:
                yield bytes(reader.read(place)[0])
            except tf.errors.DataLossError:
                yield None
        place = following


def _end_of_record(data: bytes, place: int) -> int | None:
    """Return where the record that begins at `place` ends; None where its length is wrong or more than there is."""
    if place + _FRAME.size > len(data):
        return None
    length, checksum = _FRAME.unpack_from(data, place)
    end = place + _FRAME.size + int(length) + _TAIL
    return end if checksum == _masked(data[place : place + 8]) and end <= len(data) else None


def _masked(data: bytes) -> int:
    """Return TensorFlow's masked CRC-32C of few bytes (core/lib/hash/crc32c.h)."""
    value = _ALL
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (_CASTAGNOLI if value & 1 else 0)
    value ^= _ALL
    return ((value >> 15 | value << 17) + _MASK) & _ALL
