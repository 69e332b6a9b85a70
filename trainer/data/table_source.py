"""The data of a run on tables: every file's name and digest, wherever the files lie; a row is told by file and line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edge_agent.contracts.encoding import canonical_json
from edge_agent.contracts.errors import ConfigError, Rejected
from trainer.pipeline.cache import Store
from trainer.pipeline.files import digests
from trainer.pipeline.index import Index
from trainer.pipeline.step import Artifact
from trainer.tabular.files import SUFFIXES

TYPE = "RawTables"


def list_tables(
    places: Sequence[Path],
    store: Store,
    index: Index,
    now_ns: Callable[[], int],
    spans: Sequence[Mapping[str, int]] = (),
) -> Artifact:
    """Return the artifact that lists all files of the places (files or folders of files) with their digests.

    `spans` says which places are spans of data, see `trainer.data.folders`.
    A file that did not change is not read again. Raises ConfigError for a place that is not there, Rejected for one
    without a table and for a file that cannot be read.
    """
    found = numbered(places)
    known = digests([path for _, path in found], index, now_ns)
    unreadable = [path for _, path in found if path not in known]
    if unreadable:
        raise Rejected(f"{unreadable[0]}: cannot be read; correct its permissions")
    rows = [{"place": number, "name": name_in(path, places[number]), "sha256": known[path]} for number, path in found]
    staged = store.stage("data.listing")
    (staged / "listing.json").write_bytes(canonical_json({"files": rows, "spans": [dict(span) for span in spans]}))
    digest = store.publish(staged)
    return Artifact(TYPE, digest, store.path(digest), {"files": len(rows)})


def numbered(places: Sequence[Path]) -> list[tuple[int, Path]]:
    """Return the table files of all places, each with the number of its place. Raises as `files_of`."""
    return [(number, path) for number, place in enumerate(places) for path in files_of(place)]


def files_of(place: Path) -> list[Path]:
    """Return the table files of a place, in the order of their names."""
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise ConfigError(f"{place}: there is no such file or folder; give one with {', '.join(SUFFIXES)} files")
    found = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise Rejected(f"{place}: no {', '.join(SUFFIXES)} file in it; expected a table of rows")
    return found


def name_in(path: Path, place: Path) -> str:
    """Return what a file of a place is called: its path in the folder, or its name where the place is the file."""
    return path.name if path == place else path.relative_to(place).as_posix()
