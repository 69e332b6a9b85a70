"""Digests of many files: hashed once, and again only when the file system says that they were written."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edge_agent.contracts.encoding import digest_file
from trainer.pipeline.index import Index, Stat

# A file changed within the same tick of the clock as it was hashed could keep its times.
_TICK_NS = 20_000_000


def digests(paths: Sequence[Path], index: Index, now_ns: Callable[[], int]) -> dict[Path, str]:
    """Return the SHA-256 of each file; what cannot be read, or is no file (a folder, a pipe), is left out.

    A digest is believed as long as size, modification, change time and inode are the same; `touch` alone therefore
    hashes again and finds the same, and an edit in place of the same size is found by its change time.
    """
    known = index.known_files()
    found: dict[Path, str] = {}
    fresh: list[tuple[Path, Stat]] = []
    for path in paths:
        seen = _stat(path)
        if seen is None:
            continue
        before = known.get(str(path))
        if before is not None and before[0] == seen and seen.ctime + _TICK_NS < before[1]:
            found[path] = before[2]
        else:
            fresh.append((path, seen))
    if not fresh:
        return found
    hashed_at = now_ns()
    with ThreadPoolExecutor() as pool:
        shas = list(pool.map(_sha, [path for path, _ in fresh]))
    rows = [(str(path), seen, hashed_at, sha) for (path, seen), sha in zip(fresh, shas, strict=True) if sha]
    index.remember_files(rows)
    return found | {Path(path): sha for path, _, _, sha in rows}


def _stat(path: Path) -> Stat | None:
    try:
        seen = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(seen.st_mode):
        return None
    return Stat(seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)


def _sha(path: Path) -> str:
    try:
        return digest_file(path)
    except OSError:
        return ""
