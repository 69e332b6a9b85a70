"""The reviewed parts behind a ticket, as a data folder to train from."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Protocol

from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Rejected, Unavailable


class Pictures(Protocol):
    """Where a ticket's table and pictures come from."""

    def labels(self, name: str) -> bytes:
        """Return the ticket's `labels.csv`."""

    def image(self, sha: str) -> bytes:
        """Return a picture."""


def fetch_labels(source: Pictures, ticket: str, folder: Path) -> int:
    """Write `labels.csv` and the pictures it names below `folder`; return how many.

    Pictures that are there already are kept; the table is replaced last, so that a folder with a table is whole.
    Raises Unavailable when nobody has labelled a part yet, Rejected for a table or picture that is not what it says.
    """
    table = source.labels(ticket)
    names = _names(table, ticket)
    if not names:
        raise Unavailable(f"ticket {ticket}: nobody has labelled a part yet; let operators review some, then try again")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for name in names:
        _fetch(source, name, folder)
    unfinished = folder / "labels.csv.part"
    unfinished.write_bytes(table)
    unfinished.replace(folder / "labels.csv")
    return len(names)


def _names(table: bytes, ticket: str) -> list[str]:
    try:
        rows = list(csv.DictReader(io.StringIO(table.decode(), newline="")))
        return [row["image"] for row in rows]
    except (UnicodeDecodeError, KeyError, csv.Error) as error:
        raise Rejected(f"ticket {ticket}: its labels.csv is not a table of pictures ({error})") from error


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
