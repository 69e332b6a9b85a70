"""Locks between processes, which the operating system drops when their holder dies: no run can leave one behind."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.contracts.errors import Unavailable

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.002, 0.1


@contextmanager
def file_lock(
    path: Path,
    *,
    shared: bool = False,
    waiting: Callable[[str], None] | None = None,
    stopped: Callable[[], bool] = lambda: False,
    remove: bool = False,
) -> Iterator[None]:
    """Hold the lock that the file `path` stands for; one that others hold is waited for.

    `waiting` is called once with the number of the process that holds it. With `remove` the file goes with the lock.
    Threads of one process exclude each other, too. Raises Unavailable when the file cannot be written, and when
    `stopped` says so while it waits.
    """
    handle = _take(path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, waiting, stopped)
    try:
        if not shared:
            os.truncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        if remove:
            path.unlink(missing_ok=True)
        fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def is_held(path: Path) -> bool:
    """Say whether somebody alive holds the lock of `path`, exclusively."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def holder(path: Path) -> str:
    """Return the number of the process that took the lock last, "" when nobody did."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _take(path: Path, kind: int, waiting: Callable[[str], None] | None, stopped: Callable[[], bool]) -> int:
    pause = _FIRST_PAUSE_S
    while True:
        handle = _open(path)
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            if stopped():
                raise Unavailable("interrupted while waiting for another run") from None
            if waiting is not None and pause > _FIRST_PAUSE_S:
                waiting(holder(path))
                waiting = None
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)
            continue
        if _is_file(handle, path):
            return handle
        os.close(handle)  # its holder has removed it meanwhile: the lock is that of the file that stands there now


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise Unavailable(f"{path.parent}: cannot be written ({error.strerror}); name another root") from error


def _is_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False
