"""Room on the disk: what a step is likely to need, by what it made the last time, before it begins in vain."""

from __future__ import annotations

import shutil
from pathlib import Path

from edge_agent.contracts.errors import Unavailable

RESERVE = 4_000_000
"""Bytes that lineage, index and records may need besides, in the worst case."""


def tree_size(folder: Path) -> int:
    """Return how many bytes the files of a folder have; 0 where there is none."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def shortage(step: str, likely: int, free: int) -> str:
    """Say why a step had better not begin; "" where there is room. Rule only."""
    if free >= likely + RESERVE:
        return ""
    return f"{step}: its last results took {likely / 1e6:.1f} MB, {free / 1e6:.1f} MB are free"


def check_room(step: str, former: list[Path], root: Path) -> None:
    """Compare the size of a step's former results with the room on the root's disk. Raises Unavailable."""
    likely = sum(tree_size(folder) for folder in former)
    told = shortage(step, likely, shutil.disk_usage(root).free) if likely else ""
    if told:
        raise Unavailable(f"{told} in {root}; free space ('trainer pipeline gc' may help) and run again")
