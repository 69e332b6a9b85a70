"""TFRecord files without TensorFlow: what is written is read, and what is damaged is told."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from edge_agent.contracts.errors import Rejected
from trainer.data.tfrecord import read_tfrecord, write_tfrecord
from trainer.data.wire import bytes_feature, example, float_feature, int_feature, values_of, without_features

RECORDS = [b"", b"one", bytes(range(256)) * 40]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_tfrecord(tmp_path / "file", RECORDS)
    assert list(read_tfrecord(tmp_path / "file")) == RECORDS


def test_the_bytes_are_those_of_the_format(tmp_path: Path) -> None:
    """The masked CRC-32C of eight zeros and of nothing, as the Castagnoli polynomial gives them."""
    write_tfrecord(tmp_path / "file", [b""])
    crc = 0x8C28B28A  # CRC-32C of eight zero bytes
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert (tmp_path / "file").read_bytes() == bytes(8) + struct.pack("<II", masked, 0xA282EAD8)


@pytest.mark.parametrize("place", [0, 9, 16, 31, 40])
def test_a_damaged_record_is_named(tmp_path: Path, place: int) -> None:
    path = tmp_path / "file"
    write_tfrecord(path, RECORDS)
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    path.write_bytes(data)
    number = 1 if place < 16 else 2 if place < 35 else 3
    with pytest.raises(Rejected, match=f"file: record {number} is damaged"):
        list(read_tfrecord(path))


def test_a_file_that_is_cut_off_gives_its_whole_records_first(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_tfrecord(path, RECORDS)
    path.write_bytes(path.read_bytes()[:-1])
    found = read_tfrecord(path)
    assert [next(found), next(found)] == RECORDS[:2]
    with pytest.raises(Rejected, match="record 3"):
        next(found)


def test_an_example_is_read_as_it_was_written() -> None:
    features = {"b": bytes_feature(b"two"), "a": float_feature(1.5), "c": int_feature(300), "d": b""}
    record = example(features)
    assert dict(values_of(record)) == {"a": [1.5], "b": [b"two"], "c": [300]}
    assert [name for name, _ in values_of(record)] == ["a", "b", "c"]
    assert without_features(record, frozenset((b"b",))) == example({**features, "b": b""})
