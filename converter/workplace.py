"""Where a conversion keeps what is unfinished: a folder beside its result, which goes with it."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.contracts.errors import Unavailable

_PREFIX = ".work-"


@contextmanager
def workplace(out: Path) -> Iterator[Path]:
    """Give a new folder below `out`, which is made where it is missing; remove it at the end.

    Those that killed conversions left there are removed first: the lock on a living one's goes with its process.
    Raises Unavailable when the disk refuses, here or inside.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        for left in out.glob(f"{_PREFIX}*"):
            _remove_if_left(left)
        folder, handle = _made(out)
    except OSError as error:
        raise Unavailable(f"{out}: cannot be written ({error.strerror}); free space or name another folder") from error
    try:
        yield folder
    except OSError as error:
        raise Unavailable(f"{out}: cannot be written ({error}); free space or name another folder") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _made(out: Path) -> tuple[Path, int]:
    """Return a new folder and its lock; one that another conversion removed before it was locked is made again."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=out))
        handle = _locked(folder)
        if handle is not None and folder.is_dir():
            return folder, handle
        if handle is not None:
            os.close(handle)


def _remove_if_left(folder: Path) -> None:
    handle = _locked(folder)
    if handle is not None:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _locked(folder: Path) -> int | None:
    """Take the lock of a folder; None where a living conversion has it, or where it is gone."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
