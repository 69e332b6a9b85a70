"""What several people said of the same pictures: `label.<name>` columns of labels.csv, or a labellers.csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.errors import Rejected
from trainer.data.quarantine import Refused

TABLE, LONG = "labels.csv", "labellers.csv"
PREFIX = "label."
_NEEDED = ("image", "labeller", "label")


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
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Rejected(f"{path}: not a readable table ({error}); expected {LONG} or {TABLE} in UTF-8") from error
    refused: list[Refused] = []
    found = _long(rows, path, refused) if path.name == LONG else _wide(rows, path, refused)
    said: dict[str, dict[str, str]] = {}
    for image, labeller, label in found:
        said.setdefault(image, {})[labeller] = label
    if not said:
        wanted = f"{LONG} (image, labeller, label, time) or columns such as {PREFIX}anna in {TABLE}"
        raise Rejected(f"{folder}: nobody's opinion is told apart; expected {wanted}")
    return Opinions(said, tuple(refused))


def _wide(rows: list[dict[str, str]], path: Path, refused: list[Refused]) -> Iterator[tuple[str, str, str]]:
    for line, row in enumerate(rows, 2):
        image = (row.get("image") or "").strip()
        if not image:
            refused.append(Refused(f"{path.name}:{line}", "'image' is empty"))
            continue
        for name, value in row.items():
            if name and name.startswith(PREFIX) and value and value.strip():
                yield image, name[len(PREFIX) :], value.strip()


def _long(rows: list[dict[str, str]], path: Path, refused: list[Refused]) -> Iterator[tuple[str, str, str]]:
    usable = []
    for line, row in enumerate(rows, 2):
        empty = [name for name in _NEEDED if not (row.get(name) or "").strip()]
        if empty:
            refused.append(Refused(f"{path.name}:{line}", f"'{empty[0]}' is empty"))
        else:
            usable.append(((row.get("time") or "").strip(), line, [row[name].strip() for name in _NEEDED]))
    for _, _, (image, labeller, label) in sorted(usable, key=lambda one: one[:2]):
        yield image, labeller, label
