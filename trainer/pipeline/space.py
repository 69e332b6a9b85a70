"""Room on the disk: what a step is likely to need, by its data or by what it made the last time, before it begins."""

from __future__ import annotations

import shutil
from pathlib import Path

from edge_agent.contracts.errors import Unavailable

RESERVE = 4_000_000
"""Bytes that lineage, index and records may need besides, in the worst case."""


def tree_size(folder: Path) -> int:
    """Return how many bytes the files of a folder have; 0 where there is none."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def shortage(step: str, expected: str, likely: int, free: int) -> str:
    """Say why a step had better not begin; "" where there is room. `expected` says what `likely` is. Rule only."""
    if free >= likely + RESERVE:
        return ""
    return f"{step}: {expected} {likely / 1e6:.1f} MB, {free / 1e6:.1f} MB are free"


def check_room(step: str, former: list[Path], root: Path, estimate: int = 0) -> None:
    """Compare what a step will write with the room on the root's disk. Raises Unavailable.

    That is its `estimate` in bytes, where there is one, else the size of its former results.
    """
    likely = estimate or sum(tree_size(folder) for folder in former)
    expected = "its results will take about" if estimate else "its last results took"
    told = shortage(step, expected, likely, shutil.disk_usage(root).free) if likely else ""
    if told:
        raise Unavailable(f"{told} in {root}; free space ('trainer pipeline gc' may help) and run again")
