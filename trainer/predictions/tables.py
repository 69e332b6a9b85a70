"""Predictions as a file: CSV, Parquet or TFRecord, by the file's ending. The same rows give the same bytes."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError, Unavailable
from trainer.data.tfrecord import write_tfrecord
from trainer.data.wire import bytes_feature, example, float_feature

Row = dict[str, Any]
FORMATS = (".csv", ".parquet", ".tfrecord")


def check_format(path: Path) -> None:
    """Raise ConfigError for an ending that says no known format."""
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"{path}: predictions are written as {', '.join(FORMATS)}; name such a file")


def write_table(rows: Sequence[Row], path: Path) -> None:
    """Write the rows (all with the same keys, texts or numbers) whole or not at all. Raises Unavailable."""
    write = {".csv": _csv, ".parquet": _parquet, ".tfrecord": _tfrecord}[path.suffix.lower()]
    unfinished = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(rows, unfinished)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise Unavailable(f"{path}: cannot be written ({error.strerror}); free space and run again") from error


def _csv(rows: Sequence[Row], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _parquet(rows: Sequence[Row], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: [row[name] for row in rows] for name in rows[0]}
    pq.write_table(pa.table(columns), path)


def _tfrecord(rows: Sequence[Row], path: Path) -> None:
    write_tfrecord(path, (example({name: _feature(value) for name, value in row.items()}) for row in rows))


def _feature(value: str | float) -> bytes:
    return bytes_feature(value.encode()) if isinstance(value, str) else float_feature(value)
