"""Files of rows: CSV, Parquet, TFRecord of tf.train.Example. What cannot be read is told with its file and line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Rejected
from trainer.data.csv_records import decoded, records
from trainer.data.tfrecord import whole_records
from trainer.data.wire import values_of
from trainer.tabular.files import TableFile
from trainer.tabular.values import spelled

_EMPTY = "empty, expected a first line with the names of the columns"
_EXACT = 2**53
"""Whole numbers from here on are read as texts: a float64 no longer tells them apart, as a part's name must be."""
Wanted = Callable[[str], bool]
"""Says whether a column is looked at: what cannot be read of another one does no harm."""


def every(_column: str) -> bool:
    """Say that a column is looked at."""
    return True


@dataclass(frozen=True)
class BadRow:
    """A row that is not used. `path` is the file and the line (CSV) or the number of the row."""

    path: str
    sha256: str
    reason: str


@dataclass
class Rows:
    """The rows of one file: `columns` of equal length, texts (str, "" = missing) or numbers (float64, NaN = missing).

    `lines` (n,) says where each row stands in the file `name`.
    """

    name: str
    sha256: str
    columns: dict[str, list[str] | npt.NDArray[np.float64]]
    lines: npt.NDArray[np.int64]
    bad: list[BadRow] = field(default_factory=list)


def read_rows(file: TableFile, delimiter: str = ",", wanted: Wanted = every) -> Rows:
    """Read one file. Raises Rejected for a file that cannot be read or is no table."""
    try:
        data = file.path.read_bytes()
    except OSError as error:
        raise Rejected(f"{file.name} cannot be read ({error.strerror})") from error
    return rows_in(data, digest_bytes(data), file, delimiter, wanted)


def rows_in(data: bytes, sha256: str, file: TableFile, delimiter: str, wanted: Wanted) -> Rows:
    """Return the rows of a file with the content `data`. Raises Rejected for a file that is no table."""
    if file.format == "csv":
        return _csv(data, file.name, sha256, delimiter)
    read = _parquet if file.format == "parquet" else _tfrecord
    return read(data, file.name, sha256, wanted)


def _csv(data: bytes, name: str, sha256: str, delimiter: str) -> Rows:
    found = records(_text(data, name), delimiter)
    first = next(found, None)
    if first is None:
        return Rows(name, sha256, {}, np.zeros(0, np.int64), [BadRow(name, sha256, _EMPTY)])
    if first.problem:
        raise Rejected(f"{name}:1: {first.problem}")
    header = _header([cell.strip() for cell in first.cells], name, delimiter)
    bad, places, rows = [], [], []
    for one in found:
        if problem := one.problem_among(len(header)):
            bad.append(BadRow(f"{name}:{one.line}", sha256, problem))
        else:
            rows.append(one.cells)
            places.append(one.line)
    columns = zip(*rows, strict=True) if rows else ([] for _ in header)
    texts: dict[str, Any] = {column: list(cells) for column, cells in zip(header, columns, strict=True)}
    return Rows(name, sha256, texts, np.asarray(places, np.int64), bad)


def _text(data: bytes, name: str) -> str:
    try:
        return decoded(data)
    except UnicodeDecodeError as error:
        raise Rejected(f"{name}: not UTF-16 text (byte {error.start}); save it as UTF-8") from error


def _header(names: list[str], file: str, delimiter: str) -> list[str]:
    if not any(names):
        raise Rejected(f"{file}: {_EMPTY}")
    _check_names(names, f"{file}:1")
    marks = [mark for mark in ";\t|" if mark in names[0]]
    if len(names) == 1 and marks and delimiter == ",":
        remedy = "say so by pipeline.table.delimiter in the recipe, to 'trainer predict' by --delimiter"
        raise Rejected(f"{file}:1: one column '{names[0][:60]}'; if {marks[0]!r} parts the cells, {remedy}")
    return names


def _check_names(names: Sequence[str], where: str) -> None:
    twice = sorted({column for column in names if names.count(column) > 1 or not column})
    if twice:
        raise Rejected(f"{where}: column '{twice[0]}' is named twice or not at all; give every column its own name")


def _parquet(data: bytes, name: str, sha256: str, wanted: Wanted) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(pa.BufferReader(data)).read()
    except (pa.ArrowException, OSError) as error:
        raise Rejected(f"{name}: no Parquet file ({' '.join(str(error).split())[:200]})") from error
    _check_names(table.column_names, name)
    columns = {column: _cells(table.column(column), column, name, wanted) for column in table.column_names}
    return Rows(name, sha256, columns, np.arange(1, table.num_rows + 1))


def _cells(column: Any, name: str, file: str, wanted: Wanted) -> Any:
    """Return an Arrow column as texts or numbers, nothing but missing values for one that holds neither.

    Raises Rejected for such a one that is wanted: lists and other structures, bytes that are no UTF-8.
    """
    import pyarrow as pa

    try:
        return _plain(column)
    except pa.ArrowInvalid as error:
        if wanted(name):
            raise Rejected(
                f"{file}: column '{name}' holds {error}, expected numbers or texts; name it in table.ignore or take it "
                "apart"
            ) from error
        return [""] * len(column)


def _plain(column: Any) -> Any:
    """Return an Arrow column as texts or numbers. Raises ArrowInvalid, saying what it holds, where that is neither."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    exact = pa.types.is_integer(kind) or pa.types.is_decimal(kind)
    if exact or pa.types.is_boolean(kind) or pa.types.is_floating(kind):
        numbers = np.asarray(pc.fill_null(column.cast(pa.float64(), safe=False), np.nan), np.float64)
        return _told(column) if exact and (np.abs(numbers) >= _EXACT).any() else numbers
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        try:
            column = column.cast(pa.string())
        except pa.ArrowInvalid as error:
            raise pa.ArrowInvalid("bytes that are no UTF-8 text") from error
        kind = column.type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if not (text or pa.types.is_temporal(kind) or pa.types.is_null(kind)):
        raise pa.ArrowInvalid(str(kind))
    return _told(column)


def _told(column: Any) -> list[str]:
    """Return each cell of an Arrow column as Python writes it, "" for a missing one."""
    return ["" if cell is None else str(cell) for cell in column.to_pylist()]


def _tfrecord(data: bytes, name: str, sha256: str, wanted: Wanted) -> Rows:
    examples: list[dict[str, Any]] = []
    bad: list[BadRow] = []
    places = []
    for number, record in enumerate(whole_records(BytesIO(data), name), 1):
        if record is None:
            bad.append(BadRow(f"{name}:{number}", sha256, "damaged: its checksum is another; write it again"))
            continue
        try:
            examples.append(dict(_features(record, wanted)))
            places.append(number)
        except ValueError as error:
            bad.append(BadRow(f"{name}:{number}", sha256, f"no tf.train.Example ({error})"))
    names = sorted({column for example in examples for column in example})
    columns = {column: _joined([example.get(column) for example in examples]) for column in names}
    return Rows(name, sha256, columns, np.asarray(places, np.int64), bad)


def _features(record: bytes, wanted: Wanted) -> Iterator[tuple[str, Any]]:
    for name, values in values_of(record):
        if not wanted(name):
            yield name, str(values[0]) if values else ""
        elif len(values) > 1:
            raise ValueError(f"column '{name}' has {len(values)} values, expected one")
        else:
            yield from ((name, value.decode() if isinstance(value, bytes) else value) for value in values)


def _joined(cells: list[Any]) -> list[str] | npt.NDArray[np.float64]:
    if any(isinstance(cell, str) or (isinstance(cell, int) and abs(cell) >= _EXACT) for cell in cells):
        return ["" if cell is None else str(cell) for cell in cells]
    return np.asarray([np.nan if cell is None else cell for cell in cells], np.float64)


def join(files: list[Rows]) -> Rows:
    """Return the rows of all files as one, in order; an empty file counts as one bad row.

    Raises Rejected where their columns differ, and where all are empty.
    """
    filled = [file for file in files if file.columns]
    if not filled:
        raise Rejected(f"{files[0].name}: {_EMPTY}")
    first = filled[0]
    for other in filled[1:]:
        odd = sorted(set(first.columns) ^ set(other.columns))
        if odd:
            has = first.name if odd[0] in first.columns else other.name
            lacks = other.name if has == first.name else first.name
            raise Rejected(f"{lacks} has no column '{odd[0]}', which {has} has; all files need the same columns")
    columns = {column: _stacked([file.columns[column] for file in filled]) for column in first.columns}
    bad = [row for file in files for row in file.bad]
    return Rows("", "", columns, np.concatenate([file.lines for file in files]), bad)


def _stacked(parts: list[Any]) -> Any:
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    texts: list[str] = []
    for part in parts:
        texts += spelled(part)
    return texts


def origins(files: list[Rows]) -> Callable[[int], tuple[str, str]]:
    """Return what says of a joined row where it stands (`file:line`) and what its file's digest is."""
    ends = np.cumsum([len(file.lines) for file in files])

    def origin(row: int) -> tuple[str, str]:
        number = int(np.searchsorted(ends, row, side="right"))
        file, begin = files[number], int(ends[number]) - len(files[number].lines)
        return f"{file.name}:{int(file.lines[row - begin])}", file.sha256

    return origin
