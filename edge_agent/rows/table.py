"""A CSV file of rows, read one by one; a row that is torn is told, and the others go on."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.row import Row


class Line(NamedTuple):
    """One row: the line that it begins at, its cells by column, and what is wrong with it ("" = nothing)."""

    line: int
    row: Row
    problem: str = ""


def read_lines(path: Path, delimiter: str = ",") -> Iterator[Line]:
    """Yield the rows of the file. Raises ConfigError for one that cannot be read, Rejected for one that is no table."""
    try:
        data = path.read_bytes()
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: cannot be read ({why}); give a CSV file in UTF-8") from error
    cells = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begin = 1
    try:
        header = [name.strip() for name in next(cells, [])]
        if not any(header):
            raise Rejected(f"{path}: empty, expected a first line with the names of the columns")
        begin = cells.line_num + 1
        for found in cells:
            if len(found) == len(header):
                yield Line(begin, dict(zip(header, found, strict=True)))
            elif found:
                yield Line(begin, {}, f"{len(found)} fields, expected {len(header)}")
            begin = cells.line_num + 1
    except csv.Error as error:
        raise Rejected(f"{path}:{begin}: {error} in the row that begins here; correct its quotes") from error
