"""Which files hold rows, and what they are called. Reads none of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.errors import ConfigError, Rejected

CSV, PARQUET, TFRECORD = (".csv",), (".parquet",), (".tfrecord", ".tfrecords")
SUFFIXES = (*CSV, *PARQUET, *TFRECORD)


@dataclass(frozen=True)
class TableFile:
    """A file of rows; `name` is what its rows are told by."""

    path: Path
    name: str

    @property
    def format(self) -> str:
        """How the file is read."""
        suffix = self.path.suffix.lower()
        return "csv" if suffix in CSV else "parquet" if suffix in PARQUET else "tfrecord"


def tables_in(places: Sequence[Path]) -> list[TableFile]:
    """Return the files of all places (files or folders of files), in order. Raises as `files_of`.

    A row is told by its file and line: where two places have a file of one name, it is called with the number of the
    place.
    """
    found = [(number, path, _name_in(path, place)) for number, place in enumerate(places) for path in files_of(place)]
    times = Counter(name for _, _, name in found)
    return [TableFile(path, f"{number + 1}/{name}" if times[name] > 1 else name) for number, path, name in found]


def files_of(place: Path) -> list[Path]:
    """Return the table files of a place, in the order of their names.

    Raises ConfigError for a place that is not there, Rejected for one without a table.
    """
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise ConfigError(f"{place}: there is no such file or folder; give one with {', '.join(SUFFIXES)} files")
    found = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise Rejected(f"{place}: no {', '.join(SUFFIXES)} file in it; expected a table of rows")
    return found


def _name_in(path: Path, place: Path) -> str:
    """Return what a file of a place is called: its path in the folder, or its name where the place is the file."""
    return path.name if path == place else path.relative_to(place).as_posix()
