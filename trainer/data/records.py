"""Examples of any kind as Arrow record batches, without what is no feature: pictures, names and digests."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from trainer.data.tfrecord import read_tfrecord
from trainer.data.wire import PART, PLACE, without_features

KEPT = "@kept"
"""Feature of a padded picture: the rows and columns of it that show the picture."""
KEYS = {PART: "part", PLACE: "name"}
"""Where the same lies in pictures."""
NO_FEATURES = ("image", "mask", "name", "sha256", PART, PLACE, KEPT)
"""Columns of Examples that statistics, schema and validation leave out; of a table, whose columns people name, only
those with an `@`."""
_BATCH = 1024
_PICTURES = frozenset((b"image", b"mask"))
_LARGE = 1500


def shards(examples: Path, split: str) -> list[Path]:
    """Return the files of a split, in order; empty when the split has none."""
    return sorted((examples / f"Split-{split}").glob("data_tfrecord-*"))


def split_names(examples: Path) -> list[str]:
    """Return the names of all splits that the Examples (or statistics) hold, in alphabetical order."""
    return sorted(path.name.removeprefix("Split-") for path in examples.glob("Split-*") if path.is_dir())


def batches(examples: Path, split: str, without: Sequence[str] = NO_FEATURES) -> Iterator[Any]:
    """Yield a split's records as `pyarrow.RecordBatch`es of lists, without pictures; a missing value is null."""
    waiting: list[bytes] = []
    for serialized in (record for path in shards(examples, split) for record in read_tfrecord(path)):
        waiting.append(slim(serialized))
        if len(waiting) == _BATCH:
            yield decoded(waiting, without)
            waiting = []
    if waiting:
        yield decoded(waiting, without)


def slim(serialized: bytes) -> bytes:
    """Return a record without its pictures; a small one has none."""
    return serialized if len(serialized) < _LARGE else without_features(serialized, _PICTURES)


def decoded(serialized: Sequence[bytes], without: Sequence[str] = NO_FEATURES) -> Any:
    """Return serialized `tf.train.Example`s as one record batch without the named columns."""
    import pyarrow as pa
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    batch = ExamplesToRecordBatchDecoder().DecodeBatch(serialized)
    left_out = no_features(batch.schema.names, without)
    kept = [place for place, name in enumerate(batch.schema.names) if name not in left_out]
    names = [batch.schema.names[place] for place in kept]
    return pa.RecordBatch.from_arrays([batch.column(place) for place in kept], names=names)


def no_features(names: Collection[str], without: Sequence[str] = NO_FEATURES) -> frozenset[str]:
    """Return which of `without` a record with these columns leaves out."""
    return frozenset(name for name in without if PLACE not in names or name.startswith("@"))


def column_names(examples: Path, split: str) -> set[str]:
    """Return the names of the columns that any record of a split has."""
    return {name for batch in batches(examples, split, ()) for name in batch.schema.names}


def merged(found: Sequence[Any]) -> Any:
    """Join record batches; columns that only some have are null in the others."""
    from tfx_bsl.arrow import table_util

    return table_util.MergeRecordBatches(list(found))


def texts(examples: Path, split: str, names: Sequence[str]) -> dict[str, list[str]]:
    """Return text columns of a split and its `KEYS`, "" for what is missing, without columns that no record has."""
    found = _texts(examples, split, sorted({*names, *KEYS, *KEYS.values()}))
    keys = {key: found[one] for key, other in KEYS.items() if (one := key if key in found else other) in found}
    return {name: found[name] for name in names if name in found} | keys


def _texts(examples: Path, split: str, names: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    rows = 0
    for batch in batches(examples, split, ()):
        for name in names:
            if name in batch.schema.names:
                column = batch.column(batch.schema.get_field_index(name)).to_pylist()
                values = [
                    one[0].decode("utf-8", "replace") if one and isinstance(one[0], bytes) else "" for one in column
                ]
                found.setdefault(name, [""] * rows).extend(values)
        rows += batch.num_rows
        for column in found.values():
            column.extend([""] * (rows - len(column)))
    return found
