"""Records that could not be used, each with its reason: kept, counted and said, never dropped in silence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trainer.pipeline.cache import write_atomically

FILE = "quarantine.json"


@dataclass(frozen=True)
class Refused:
    """A record, by where it stands, and why it is not used."""

    where: str
    reason: str


def write_refused(refused: Sequence[Refused], target: Path) -> None:
    """Write the list as JSON."""
    write_atomically(target, json.dumps([asdict(one) for one in refused], indent=1).encode())


def said(refused: Sequence[Refused]) -> str:
    """Return one line about them, "" for none."""
    if not refused:
        return ""
    return f"{len(refused)} records are not used; the first: {refused[0].where}: {refused[0].reason}"
