"""The table of a data folder, `labels.csv`: which pictures there are and what they show."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge_agent.contracts.errors import ConfigError, Rejected

FILE = "labels.csv"
REQUIRED = ("image", "part", "label")
OPTIONAL = ("mask", "exposure", "station", "split", "split_hint")
SPLITS = ("train", "eval", "test")


@dataclass(frozen=True)
class Row:
    """One picture. `image` and `mask` are relative to folder number `folder`; `mask` may be empty.

    `split` is where a person wants it ("" = wherever), `line` where the table says all this.
    """

    folder: int
    line: int
    image: str
    mask: str
    part: str
    label: str
    exposure: str
    station: str
    split: str


@dataclass(frozen=True)
class Bad:
    """A picture or line that is not used. `path` is relative to its folder, `sha256` "" when it cannot be read."""

    folder: int
    path: str
    sha256: str
    reason: str


@dataclass(frozen=True)
class Table:
    """All usable rows and the lines that are not."""

    rows: tuple[Row, ...]
    bad: tuple[Bad, ...]


def read_tables(folders: Sequence[Path]) -> Table:
    """Read `labels.csv` of each folder.

    Raises ConfigError for a folder that is not there, Rejected for one without a table, for a table that lacks a
    column, is no text, or has no row. A line that cannot be used does not stop the others.
    """
    rows: list[Row] = []
    bad: list[Bad] = []
    for number, folder in enumerate(folders):
        for found in _read(folder, number):
            if isinstance(found, Row):
                rows.append(found)
            else:
                bad.append(found)
    if not rows:
        raise Rejected(f"{', '.join(map(str, folders))}: {FILE} names no usable picture; add rows to it")
    return Table(tuple(rows), tuple(bad))


def _read(folder: Path, number: int) -> Iterator[Row | Bad]:
    lines = csv.reader(io.StringIO(_text(folder), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(lines, [])]
        _check_header(header, folder)
        seen: set[str] = set()
        for fields in lines:
            if fields:
                yield _row(fields, header, number, lines.line_num, seen)
    except csv.Error as error:
        raise Rejected(f"{folder / FILE}:{lines.line_num}: {error}; correct the quotes of this line") from error


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
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Rejected(f"{path}: not UTF-8 text at byte {error.start}; save it as UTF-8") from error


def _check_header(header: list[str], folder: Path) -> None:
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        found = ", ".join(header) or "nothing"
        raise Rejected(f"{folder / FILE}: column '{missing[0]}' is missing; found {found}; add it")


def _row(fields: list[str], header: list[str], folder: int, line: int, seen: set[str]) -> Row | Bad:
    values = dict(zip(header, (field.strip() for field in fields), strict=False))
    problem = _problem(fields, header, values, seen)
    if problem:
        return Bad(folder, f"{FILE}:{line}", "", problem)
    seen.add(values["image"])
    split = values.get("split") or values.get("split_hint") or ""
    return Row(
        folder=folder,
        line=line,
        image=values["image"],
        mask=values.get("mask", ""),
        part=values["part"],
        label=values["label"],
        exposure=values.get("exposure", ""),
        station=values.get("station", ""),
        split=split,
    )


def _problem(fields: list[str], header: list[str], values: dict[str, str], seen: set[str]) -> str:
    if len(fields) != len(header):
        return f"{len(fields)} fields, expected {len(header)}"
    empty = [name for name in REQUIRED if not values[name]]
    if empty:
        return f"'{empty[0]}' is empty"
    for name in ("image", "mask"):
        path = PurePosixPath(values.get(name, ""))
        if path.is_absolute() or ".." in path.parts:
            return f"'{name}' is {str(path)!r}, expected a path inside the folder"
    split = values.get("split") or values.get("split_hint") or ""
    if split and split not in SPLITS:
        return f"split is '{split}', expected one of {', '.join(SPLITS)}"
    return "listed twice" if values["image"] in seen else ""
