"""Examples of a table: sharded TFRecord files of tf.train.Example, the same rows giving the same bytes.

The columns keep their names; `label`, `@part` (whole parts stay together) and `@row` (file and line) lie beside them.
`columns.json` says which columns are inputs of the model, and of which kind. A missing value is an absent feature.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.tabular.values import LABEL, PART, ROW, Typed

COLUMNS = "columns.json"
_SHARD = 10_000
_BYTES, _FLOAT = 0x0A, 0x12


def is_table(examples: Path) -> bool:
    """Say whether an Examples artifact holds rows of a table (or else pictures)."""
    return (examples / COLUMNS).is_file()


def write_columns(examples: Path, table: Typed, slices: Sequence[str]) -> None:
    """Write what the columns are."""
    texts = inputs_among(table, slices)[len(table.numbers) :]
    content = {"numbers": list(table.numbers), "texts": texts, "slices": list(slices)}
    (examples / COLUMNS).write_text(json.dumps(content, indent=1), encoding="utf-8")


def inputs_among(table: Typed, slices: Sequence[str]) -> list[str]:
    """Return the columns that the model sees: the numbers, then the texts."""
    beside = {LABEL, PART, ROW, *slices}
    return [*table.numbers, *(name for name in table.texts if name not in beside)]


def read_columns(examples: Path) -> dict[str, list[str]]:
    """Return the names of the columns by what they are: `numbers`, `texts`, `slices`."""
    content: dict[str, list[str]] = json.loads((examples / COLUMNS).read_text(encoding="utf-8"))
    return content


def write_split(table: Typed, examples: Path, split: str) -> None:
    """Write the rows of a split into its shards; no shard where there is no row."""
    import tensorflow as tf

    count = len(table.texts[LABEL])
    total = -(-count // _SHARD)
    records = encoded(table)
    for number in range(total):
        path = examples / f"Split-{split}" / f"data_tfrecord-{number:05d}-of-{total:05d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with tf.io.TFRecordWriter(str(path)) as writer:
            for _ in range(min(_SHARD, count - number * _SHARD)):
                writer.write(next(records))


def encoded(table: Typed) -> Iterator[bytes]:
    """Yield each row as the bytes of a tf.train.Example, its features in the order of their names.

    Written here, field by field: one proto object a row takes ten times as long, and tfx_bsl's encoder orders the
    features of a row by chance.
    """
    columns = {name: _numbers(name, values) for name, values in table.numbers.items()}
    columns |= {name: _texts(name, values) for name, values in table.texts.items()}
    for cells in zip(*(columns[name] for name in sorted(columns)), strict=True):
        features = b"".join(cells)
        yield b"\x0a" + _varint(len(features)) + features


def _numbers(name: str, values: npt.NDArray[np.float32]) -> list[bytes]:
    raw = np.asarray(values, "<f4").tobytes()
    before = _entry(name, _field(_FLOAT, _field(_BYTES, b"\0" * 4)))[:-4]
    missing = np.isnan(values)
    return [b"" if missing[row] else before + raw[4 * row : 4 * row + 4] for row in range(len(values))]


def _texts(name: str, values: npt.NDArray[np.object_]) -> list[bytes]:
    known = {text: _entry(name, _field(_BYTES, _field(_BYTES, text.encode()))) if text else b"" for text in set(values)}
    return [known[text] for text in values]


def _entry(name: str, feature: bytes) -> bytes:
    """One entry of the map of features: a name and what it has."""
    return _field(_BYTES, _field(_BYTES, name.encode()) + _field(0x12, feature))


def _field(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])


def read_split(examples: Path, split: str) -> Typed:
    """Read a split back: numbers with NaN, texts with "" for what is missing."""
    import tensorflow as tf

    names = read_columns(examples)
    texts = [*names["texts"], *names["slices"], LABEL, PART, ROW]
    paths = sorted(str(path) for path in (examples / f"Split-{split}").glob("data_tfrecord-*"))
    if not paths:
        empty = {name: np.zeros(0, np.float32) for name in names["numbers"]}
        return Typed(empty, {name: np.zeros(0, object) for name in texts}, {}, [])
    spec: dict[str, Any] = {n: tf.io.FixedLenFeature([], tf.float32, np.nan) for n in names["numbers"]}
    spec |= {name: tf.io.FixedLenFeature([], tf.string, "") for name in texts}
    records = tf.data.TFRecordDataset(paths).batch(_SHARD).map(lambda data: tf.io.parse_example(data, spec))
    batches = list(records.as_numpy_iterator())
    numbers = {name: np.concatenate([batch[name] for batch in batches]) for name in names["numbers"]}
    return Typed(numbers, {name: _decoded([batch[name] for batch in batches]) for name in texts}, {}, [])


def _decoded(parts: list[npt.NDArray[np.object_]]) -> npt.NDArray[np.object_]:
    return np.asarray([text.decode() for part in parts for text in part], object)
