"""Examples of a table: sharded TFRecord files of tf.train.Example, the same rows giving the same bytes.

The columns keep their names; `label`, `@part` (whole parts stay together) and `@row` (file and line) lie beside them.
`columns.json` says which columns are inputs of the model, and of which kind. A missing value is an absent feature.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.data.records import batches
from trainer.data.tfrecord import write_tfrecord
from trainer.data.wire import bytes_feature, entry, float_feature, joined
from trainer.tabular.values import LABEL, PART, ROW, Typed

COLUMNS = "columns.json"
_SHARD = 10_000


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
    count = len(table.texts[LABEL])
    total = -(-count // _SHARD)
    records = encoded(table)
    for number in range(total):
        path = examples / f"Split-{split}" / f"data_tfrecord-{number:05d}-of-{total:05d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tfrecord(path, islice(records, _SHARD))


def encoded(table: Typed) -> Iterator[bytes]:
    """Yield each row as the bytes of a tf.train.Example, its features in the order of their names.

    Written here, column by column: one proto object a row takes ten times as long, and tfx_bsl's encoder orders the
    features of a row by chance.
    """
    columns = {name: _numbers(name, values) for name, values in table.numbers.items()}
    columns |= {name: _texts(name, values) for name, values in table.texts.items()}
    return map(joined, zip(*(columns[name] for name in sorted(columns)), strict=True))


def _numbers(name: str, values: npt.NDArray[np.float32]) -> list[bytes]:
    raw = np.asarray(values, "<f4").tobytes()
    before = entry(name, float_feature(0.0))[:-4]
    missing = np.isnan(values)
    return [b"" if missing[row] else before + raw[4 * row : 4 * row + 4] for row in range(len(values))]


def _texts(name: str, values: npt.NDArray[np.object_]) -> list[bytes]:
    known = {text: entry(name, bytes_feature(text.encode())) if text else b"" for text in set(values)}
    return [known[text] for text in values]


def read_split(examples: Path, split: str) -> Typed:
    """Read a split back: numbers with NaN, texts with "" for what is missing."""
    names = read_columns(examples)
    texts = [*names["texts"], *names["slices"], LABEL, PART, ROW]
    found = list(batches(examples, split, ()))
    numbers = {name: _column(found, name, np.float32, np.nan) for name in names["numbers"]}
    raw = {name: _column(found, name, object, b"") for name in texts}
    return Typed(numbers, {name: _decoded(values) for name, values in raw.items()}, {}, [])


def _column(found: Sequence[Any], name: str, kind: Any, missing: Any) -> npt.NDArray[Any]:
    """Return one column of record batches, whose rows have one value or none."""
    parts = [np.zeros(0, kind)]
    for batch in found:
        values = np.full(batch.num_rows, missing, kind)
        if name in batch.schema.names:
            column = batch.column(batch.schema.get_field_index(name))
            there = np.asarray(column.value_lengths().fill_null(0)) > 0
            values[there] = column.flatten().to_numpy(zero_copy_only=False)
        parts.append(values)
    return np.concatenate(parts)


def _decoded(values: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    return np.asarray([text.decode() for text in values] or np.zeros(0), object)
