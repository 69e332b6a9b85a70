"""What several people said of the same pictures: `label.<name>` columns of labels.csv, or a labellers.csv."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edge_agent.contracts.errors import Rejected
from trainer.data.csv_records import Record, decoded, records
from trainer.data.quarantine import Refused

TABLE, LONG = "labels.csv", "labellers.csv"
PREFIX = "label."
_NEEDED = ("image", "labeller", "label")
Line = tuple[str, dict[str, str]]
"""Where a line stands (file and number) and its cells by column."""


@dataclass(frozen=True)
class Opinions:
    """`said` maps a picture to what each labeller said of it; `refused` are lines that could not be used."""

    said: Mapping[str, Mapping[str, str]]
    refused: tuple[Refused, ...]

    @property
    def labellers(self) -> tuple[str, ...]:
        """All labellers in alphabetical order."""
        return tuple(sorted({name for one in self.said.values() for name in one}))

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels in alphabetical order."""
        return tuple(sorted({label for one in self.said.values() for label in one.values()}))


@dataclass(frozen=True)
class Opinion:
    """A line of labellers.csv."""

    image: str
    labeller: str
    label: str
    time: str


def table_of(said: Sequence[Opinion]) -> str:
    """Return labellers.csv with these lines."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow((*_NEEDED, "time"))
    table.writerows((one.image, one.labeller, one.label, one.time) for one in said)
    return text.getvalue()


def read_opinions(folder: Path) -> Opinions:
    """Read labellers.csv of a folder; without one, the `label.<name>` columns of its labels.csv.

    Of several lines of one labeller on one picture the one with the latest `time` counts, the last one where they have
    none. Raises Rejected where neither table holds opinions.
    """
    path = folder / LONG if (folder / LONG).is_file() else folder / TABLE
    refused: list[Refused] = []
    try:
        rows = list(_rows(decoded(path.read_bytes()), path, refused))
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected(f"{path}: not a readable table ({error}); expected {LONG} or {TABLE} in UTF-8") from error
    found = _long(rows, refused) if path.name == LONG else _wide(rows, refused)
    said: dict[str, dict[str, str]] = {}
    for image, labeller, label in found:
        said.setdefault(image, {})[labeller] = label
    if not said:
        wanted = f"{LONG} (image, labeller, label, time) or columns such as {PREFIX}anna in {TABLE}"
        raise Rejected(f"{folder}: nobody's opinion is told apart; expected {wanted}")
    return Opinions(said, tuple(refused))


def _rows(text: str, path: Path, refused: list[Refused]) -> Iterator[Line]:
    """Yield the place and the cells by column of each line; a line of another length says nothing that can be used."""
    found = records(text)
    first = next(found, Record(1, 1))
    if first.problem:
        raise Rejected(f"{path}:1: {first.problem}")
    header = [name.strip() for name in first.cells]
    for one in found:
        where = f"{path.name}:{one.line}"
        if problem := one.problem_among(len(header)):
            refused.append(Refused(where, problem))
        else:
            yield where, dict(zip(header, (cell.strip() for cell in one.cells), strict=True))


def _wide(rows: Sequence[Line], refused: list[Refused]) -> Iterator[tuple[str, str, str]]:
    for where, row in rows:
        image = row.get("image", "")
        if not image:
            refused.append(Refused(where, "'image' is empty"))
            continue
        for name, value in row.items():
            if name.startswith(PREFIX) and value:
                yield image, name[len(PREFIX) :], value


def _long(rows: Sequence[Line], refused: list[Refused]) -> Iterator[tuple[str, str, str]]:
    usable = []
    for number, (where, row) in enumerate(rows):
        empty = [name for name in _NEEDED if not row.get(name)]
        try:
            at = _seconds(row.get("time", ""))
        except (ValueError, OverflowError):
            refused.append(Refused(where, f"'time' is {row['time']!r}, expected one such as 2026-11-22T10:30:00Z"))
            continue
        if empty:
            refused.append(Refused(where, f"'{empty[0]}' is empty"))
        else:
            usable.append((at, number, [row[name] for name in _NEEDED]))
    for _, _, (image, labeller, label) in sorted(usable, key=lambda one: one[:2]):
        yield image, labeller, label


def _seconds(time: str) -> float:
    """Return seconds since 1970 of an ISO 8601 time (UTC unless it says more) or a number of seconds; "" is earliest.

    Raises ValueError or OverflowError for anything else, which could not be put in order.
    """
    if not time:
        return -math.inf
    try:
        return float(time)
    except ValueError:
        found = datetime.fromisoformat(time.replace("Z", "+00:00"))
        return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()
