"""One run at a time in a root: a lock that the operating system drops when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.contracts.errors import Unavailable


@contextmanager
def root_lock(root: Path, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock of `root`. With `waiting` (called once, with who holds it) another run is waited for.

    Raises Unavailable when another run holds it and `waiting` is None, or when the root cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = (root / "lock").open("a+")
    except OSError as error:
        raise Unavailable(f"{root}: cannot be written ({error.strerror}); name another root") from error
    with file:
        _take(file.fileno(), root, waiting)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _take(handle: int, root: Path, waiting: Callable[[str], None] | None) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    except BlockingIOError:
        holder = (root / "lock").read_text(encoding="utf-8").strip()
    if waiting is None:
        raise Unavailable(f"{root}: process {holder} is running a pipeline here; wait for it or name another root")
    waiting(holder)
    fcntl.flock(handle, fcntl.LOCK_EX)
