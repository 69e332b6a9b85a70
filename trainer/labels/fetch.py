"""Reviewed parts, those behind a ticket or those of a release, as a data folder."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Protocol

from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Rejected, Unavailable


class Pictures(Protocol):
    """Where a table of reviewed parts and its pictures come from."""

    def labels(self, name: str) -> bytes:
        """Return the `labels.csv` of a ticket or a bundle."""

    def image(self, sha: str) -> bytes:
        """Return a picture."""


def fetch_labels(source: Pictures, name: str, what: str, folder: Path) -> int:
    """Write `labels.csv` and the pictures it names below `folder`; return how many.

    `name` is whose labels are wanted, `what` says it to people, such as "ticket t-1".

    Pictures that are there already are kept; the table is replaced last, so that a folder with a table is whole.
    Raises Unavailable when nobody has labelled a part yet, Rejected for a table or picture that is not what it says.
    """
    table = source.labels(name)
    names = _names(table, what)
    if not names:
        raise Unavailable(f"{what}: nobody has labelled a part yet; let operators review some, then try again")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for image in names:
        _fetch(source, image, folder)
    unfinished = folder / "labels.csv.part"
    unfinished.write_bytes(table)
    unfinished.replace(folder / "labels.csv")
    return len(names)


def _names(table: bytes, what: str) -> list[str]:
    try:
        rows = list(csv.DictReader(io.StringIO(table.decode(), newline="")))
        return [row["image"] for row in rows]
    except (UnicodeDecodeError, KeyError, csv.Error) as error:
        raise Rejected(f"{what}: its labels.csv is not a table of pictures ({error})") from error


def _fetch(source: Pictures, name: str, folder: Path) -> None:
    sha = Path(name).stem
    target = folder / "images" / Path(name).name
    if target.is_file() and digest_bytes(target.read_bytes()) == sha:
        return
    data = source.image(sha)
    if digest_bytes(data) != sha:
        raise Rejected(f"picture {sha[:12]} of the fleet has other content than its name says; look at its disk")
    unfinished = target.with_suffix(".part")
    unfinished.write_bytes(data)
    unfinished.replace(target)
