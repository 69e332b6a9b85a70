"""Records of a CSV table, each by itself: a broken one costs its own lines alone and is told with its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_LONGEST_RECORD = 100
"""Lines that one record may span by quoted newlines: an unclosed quote would otherwise swallow the rest."""
_UNREADABLE = re.compile("[\udc80-\udcff]")
"""What `surrogateescape` makes of bytes that are no UTF-8."""


@dataclass(frozen=True)
class Record:
    """One record: the line where it begins (the first is 1), the line of its end, its cells, what is wrong with it."""

    line: int
    last: int
    cells: list[str] = field(default_factory=list)
    problem: str = ""

    def problem_among(self, columns: int) -> str:
        """Say what is wrong with it in a table of so many columns; "" when nothing is."""
        fields = len(self.cells)
        return self.problem or ("" if fields == columns else f"{fields} fields, expected {columns}")


def decoded(data: bytes) -> str:
    """Return a table's text: UTF-8 with or without a mark, UTF-16 with a mark or told by its zeros.

    Bytes that are no UTF-8 become surrogates, which `records` finds in their line. Raises UnicodeDecodeError for torn
    UTF-16.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    if b"\0" in data[:2]:
        return data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be")
    return data.decode("utf-8-sig", "surrogateescape")


def unreadable(text: str) -> str:
    """Say which byte of a text is no UTF-8; "" when all are."""
    found = _UNREADABLE.search(text)
    return "" if found is None else f"byte 0x{ord(found[0]) - 0xDC00:02x} is not UTF-8; save the table as UTF-8"


def records(text: str, delimiter: str = ",") -> Iterator[Record]:
    """Yield all records that are no empty lines, the header first; after a broken one go on with the next line.

    A record of several lines whose number of cells is not the header's was held together by a quote that stands in
    its first line by mistake: that line is broken, and the others are read by themselves.
    """
    lines = io.StringIO(text, newline="").readlines()
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    strange = bool(_UNREADABLE.search(text))
    width = 0
    while feed.place < len(lines):
        begin = feed.begin = feed.place
        cells, problem = [], ""
        try:
            cells = next(reader, [])
        except csv.Error as error:
            problem = f"{error}; correct the quotes of this line"
        if not problem and width and feed.place > begin + 1 and len(cells) != width:
            problem = f"a quote of this line does not close before line {feed.place}; correct it"
        if problem:
            cells, feed.place = [], begin + 1
            reader = csv.reader(feed, delimiter=delimiter, strict=True)
        if strange:
            problem = unreadable("".join(lines[begin : feed.place])) or problem
        width = width or len(cells)
        if cells or problem:
            yield Record(begin + 1, feed.place, cells, problem)


class _Feed:
    """Lines one after the other, at most _LONGEST_RECORD from the one where the record began: `place` is the next."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines, self.place, self.begin = lines, 0, 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if self.place >= min(len(self._lines), self.begin + _LONGEST_RECORD):
            raise StopIteration
        self.place += 1
        return self._lines[self.place - 1]
