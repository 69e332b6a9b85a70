"""The table of a data folder, `labels.csv`: which pictures there are and what they show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.errors import ConfigError, Rejected
from trainer.data.csv_records import Record, decoded, records

FILE = "labels.csv"
REQUIRED = ("image", "part", "label")
OPTIONAL = ("mask", "exposure", "station", "lot", "split", "split_hint")
_KNOWN = frozenset((*REQUIRED, *OPTIONAL))
_DESCRIBING = ("exposure", "station", "lot")
SPLITS = ("train", "eval", "test")


@dataclass(frozen=True)
class Row:
    """One picture. `image` and `mask` are relative to folder number `folder`; `mask` may be empty.

    `split` is where a person wants it ("" = wherever), `line` where the table says all this, `extra` what stands in
    columns that have no meaning here.
    """

    folder: int
    line: int
    image: str
    mask: str
    part: str
    label: str
    exposure: str
    station: str
    lot: str
    split: str
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Bad:
    """A picture or line that is not used. `path` is relative to its folder, `sha256` "" when it cannot be read."""

    folder: int
    path: str
    sha256: str
    reason: str


@dataclass(frozen=True)
class Table:
    """All usable rows, the lines that are not, and the columns that are there and hold nothing."""

    rows: tuple[Row, ...]
    bad: tuple[Bad, ...]
    empty: tuple[str, ...] = ()


def read_tables(folders: Sequence[Path], required: Sequence[str] = REQUIRED) -> Table:
    """Read `labels.csv` of each folder; each line needs what is `required`.

    Raises ConfigError for a folder that is not there, Rejected for one without a table, for a table that lacks a
    column, is no text, or has no row. A line that cannot be used does not stop the others.
    """
    rows: list[Row] = []
    bad: list[Bad] = []
    columns: set[str] = set()
    for number, folder in enumerate(folders):
        for found in _read(folder, number, columns, required):
            if isinstance(found, Row):
                rows.append(found)
            else:
                bad.append(found)
    if not rows:
        raise Rejected(f"{', '.join(map(str, folders))}: {FILE} names no usable picture; add rows to it")
    empty = [name for name in _DESCRIBING if name in columns and not any(getattr(row, name) for row in rows)]
    return Table(tuple(rows), tuple(bad), tuple(empty))


def _read(folder: Path, number: int, columns: set[str], required: Sequence[str]) -> Iterator[Row | Bad]:
    found = records(_text(folder))
    first = next(found, Record(1, 1))
    if first.problem:
        raise Rejected(f"{folder / FILE}:1: {first.problem}")
    header = [name.strip() for name in first.cells]
    _check_header(header, folder, required)
    columns |= set(header)
    seen: set[str] = set()
    for one in found:
        if one.problem:
            yield Bad(number, f"{FILE}:{one.line}", "", one.problem)
        else:
            yield _row(one.cells, header, number, one.last, seen, required)


def _text(folder: Path) -> str:
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder; give one that holds {FILE}")
    path = folder / FILE
    try:
        data = path.read_bytes()
    except OSError as error:
        wanted = ", ".join((*REQUIRED, "mask", "exposure"))
        raise Rejected(f"{folder}: no {FILE} in it ({error.strerror}); expected a table of {wanted}") from error
    try:
        return decoded(data)
    except UnicodeDecodeError as error:
        raise Rejected(f"{path}: not UTF-16 text at byte {error.start}; save it as UTF-8") from error


def _check_header(header: list[str], folder: Path, required: Sequence[str]) -> None:
    missing = [name for name in required if name not in header]
    if missing:
        found = ", ".join(header) or "nothing"
        raise Rejected(f"{folder / FILE}: column '{missing[0]}' is missing; found {found}; add it")


def _row(
    fields: list[str], header: list[str], folder: int, line: int, seen: set[str], required: Sequence[str]
) -> Row | Bad:
    values = dict(zip(header, (field.strip() for field in fields), strict=False))
    problem = _problem(fields, header, values, seen, required)
    if problem:
        return Bad(folder, f"{FILE}:{line}", "", problem)
    seen.add(values["image"])
    split = values.get("split") or values.get("split_hint") or ""
    return Row(
        folder=folder,
        line=line,
        image=values["image"],
        mask=values.get("mask", ""),
        part=values.get("part", ""),
        label=values.get("label", ""),
        exposure=values.get("exposure", ""),
        station=values.get("station", ""),
        lot=values.get("lot", ""),
        split=split,
        extra=tuple((name, value) for name, value in values.items() if name not in _KNOWN and value),
    )


def _problem(
    fields: list[str], header: list[str], values: dict[str, str], seen: set[str], required: Sequence[str]
) -> str:
    if len(fields) != len(header):
        return f"{len(fields)} fields, expected {len(header)}"
    empty = [name for name in required if not values[name]]
    if empty:
        return f"'{empty[0]}' is empty"
    for name in ("image", "mask"):
        path = values.get(name, "")
        if path.startswith("/") or ".." in path.split("/"):
            return f"'{name}' is {path!r}, expected a path inside the folder"
    split = values.get("split") or values.get("split_hint") or ""
    if split and split not in SPLITS:
        return f"split is '{split}', expected one of {', '.join(SPLITS)}"
    return "listed twice" if values["image"] in seen else ""
