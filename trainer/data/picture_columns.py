"""The Examples artifact read back into arrays: several files at once, by TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.quality import QUALITY_FEATURES
from trainer.data.examples import COLUMNS, TEXTS
from trainer.data.records import KEPT, shards
from trainer.tabular.examples import is_table, read_split
from trainer.tabular.values import LABEL, PART, ROW, Typed

_FILES_AT_ONCE = 8


def columns(examples: Path, split: str) -> dict[str, npt.NDArray[Any]]:
    """Read all but the pictures of a split: a one-dimensional array a column, texts as bytes objects.

    Of a table: its numbers, and `label`, `part` and `name` (file and line).
    """
    if is_table(examples):
        return _table_columns(read_split(examples, split))
    spec = _spec(COLUMNS)
    parsed = _parsed(shards(examples, split), spec)
    if not parsed:
        return {name: np.asarray([], _dtype(name)) for name in COLUMNS}
    return {name: np.concatenate([batch[name] for batch in parsed]) for name in COLUMNS}


def _table_columns(table: Typed) -> dict[str, npt.NDArray[Any]]:
    named = {"label": LABEL, "part": PART, "name": ROW}
    texts = {name: np.asarray([t.encode() for t in table.texts[lies]], object) for name, lies in named.items()}
    return {**table.numbers, **texts}


@dataclass(frozen=True)
class PictureColumns:
    """A split in memory: `images` (n, H, W, C) uint8, `masks` (n, H, W) uint8 0 or 1, and the other columns.

    `kept` (n, 2) are the rows and columns that show the picture, where pictures were padded; None = all do.
    """

    images: npt.NDArray[np.uint8]
    masks: npt.NDArray[np.uint8]
    columns: dict[str, npt.NDArray[Any]]
    kept: npt.NDArray[np.int64] | None = None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a text column as strings."""
        return tuple(value.decode() for value in self.columns[name])


def pictures(examples: Path, split: str, shape: tuple[int, int, int]) -> PictureColumns:
    """Read a whole split; `shape` is (H, W, C). Raises Rejected when the pictures are of another size."""
    parsed = _parsed(shards(examples, split), _spec((*COLUMNS, "image", "mask")) | _kept(shape))
    if not parsed:
        empty = {name: np.asarray([], _dtype(name)) for name in COLUMNS}
        return PictureColumns(np.zeros((0, *shape), np.uint8), np.zeros((0, *shape[:2]), np.uint8), empty)
    found = {name: np.concatenate([batch[name] for batch in parsed]) for name in parsed[0]}
    try:
        images = _stacked(found.pop("image"), shape)
        masks = _stacked(found.pop("mask"), shape[:2])
    except ValueError as error:
        raise Rejected(f"the examples' pictures are not {shape} as the recipe says; make the examples anew") from error
    kept = found.pop(KEPT)
    return PictureColumns(images, masks, found, kept if (kept != shape[:2]).any() else None)


def _stacked(raw: Sequence[bytes] | npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    return np.stack([np.frombuffer(data, np.uint8).reshape(shape) for data in raw])


def _dtype(name: str) -> Any:
    if name == "masked":
        return np.int64
    return np.float32 if name in QUALITY_FEATURES else object


def _spec(names: Iterable[str]) -> dict[str, Any]:
    import tensorflow as tf

    kinds = {np.int64: tf.int64, np.float32: tf.float32, object: tf.string}
    empty = dict.fromkeys(TEXTS, "")
    return {name: tf.io.FixedLenFeature([], kinds[_dtype(name)], empty.get(name)) for name in names}


def _kept(shape: Sequence[int]) -> dict[str, Any]:
    """A picture without the feature is shown by all of the input."""
    import tensorflow as tf

    return {KEPT: tf.io.FixedLenFeature([2], tf.int64, list(shape[:2]))}


def _parsed(paths: Sequence[Path], spec: dict[str, Any], batch: int = 256) -> list[dict[str, npt.NDArray[Any]]]:
    """Read all records, several files at once; their order follows from the files alone, so columns stay aligned."""
    import tensorflow as tf

    if not paths:
        return []
    at_once = min(len(paths), _FILES_AT_ONCE)
    files = tf.data.Dataset.from_tensor_slices([str(path) for path in paths])
    records = files.interleave(
        tf.data.TFRecordDataset, cycle_length=at_once, num_parallel_calls=at_once, deterministic=True
    )
    parsed = records.batch(batch).map(
        lambda serialized: tf.io.parse_example(serialized, spec), num_parallel_calls=tf.data.AUTOTUNE
    )
    return list(parsed.prefetch(1).as_numpy_iterator())
