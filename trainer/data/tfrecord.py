"""TFRecord files, read and written without TensorFlow, whose import takes longer than most tables do.

A record is its length (8 bytes, little endian), the masked CRC-32C of these, its bytes and their masked CRC-32C:
https://www.tensorflow.org/tutorials/load_data/tfrecord.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from google_crc32c import value as crc32c

from edge_agent.contracts.errors import Rejected

_HEAD, _CHECK = struct.Struct("<QI"), struct.Struct("<I")
_MASK = 0xA282EAD8


def write_tfrecord(path: Path, records: Iterable[bytes]) -> None:
    """Write the records in order; the same ones give the same bytes, those that TensorFlow would write."""
    with path.open("wb") as file:
        for record in records:
            length = len(record).to_bytes(8, "little")
            file.write(b"".join((length, _CHECK.pack(_masked(length)), record, _CHECK.pack(_masked(record)))))


def read_tfrecord(path: Path) -> Iterator[bytes]:
    """Yield the records. Raises Rejected for a file that is damaged or cut off, with the number of the record."""
    with path.open("rb") as file:
        for number, record in enumerate(whole_records(file, path.name), 1):
            if record is None:
                raise Rejected(f"{path.name}: record {number} is damaged; write it again")
            yield record


def whole_records(file: BinaryIO, name: str) -> Iterator[bytes | None]:
    """Yield the records of a file that is called `name`; None for one whose bytes its checksum contradicts.

    Raises Rejected where a length is damaged or the file ends within a record: what follows cannot be found then.
    """
    number = 0
    while head := file.read(_HEAD.size):
        number += 1
        length = _length(head)
        rest = file.read(length + _CHECK.size) if length is not None else b""
        if length is None or len(rest) != length + _CHECK.size:
            raise Rejected(f"{name}: record {number} is damaged, what follows cannot be found; write it again")
        record = rest[: -_CHECK.size]
        yield record if _CHECK.pack(_masked(record)) == rest[-_CHECK.size :] else None


def _length(head: bytes) -> int | None:
    """Return the length that a record's head names; None when the head is damaged, for then it may be any."""
    if len(head) < _HEAD.size:
        return None
    length, check = _HEAD.unpack(head)
    return int(length) if check == _masked(head[:8]) else None


def _masked(data: bytes) -> int:
    crc = int(crc32c(data))
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF
