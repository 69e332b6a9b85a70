"""Where results are written before they are published: each process has an area of its own, locked while it lives."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
from pathlib import Path

from edge_agent.contracts.errors import Unavailable


class StagingArea:
    """A folder below `parent` that no other process writes to; it is made when it is first asked for."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._made: tuple[Path, int] | None = None
        self._guard = threading.Lock()

    def folder(self) -> Path:
        """Return the area's folder. Raises Unavailable when the disk refuses."""
        with self._guard:
            while self._made is None:
                self._made = self._make()
            return self._made[0]

    def _make(self) -> tuple[Path, int] | None:
        """Return a new folder and its lock; None when a sweep was faster than the lock."""
        try:
            self._parent.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=self._parent))
        except OSError as error:
            raise Unavailable(f"{self._parent}: cannot be written ({error.strerror}); free space there") from error
        handle = _lock(folder)
        if handle is None or not folder.is_dir():
            if handle is not None:
                os.close(handle)
            return None
        return folder, handle

    def close(self) -> None:
        """Remove the folder with all in it."""
        with self._guard:
            if self._made is not None:
                folder, handle = self._made
                self._made = None
                shutil.rmtree(folder, ignore_errors=True)
                os.close(handle)


def sweep(parent: Path) -> None:
    """Remove the areas below `parent` whose processes are dead."""
    for folder in parent.iterdir() if parent.is_dir() else ():
        handle = _lock(folder)
        if handle is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(handle)


def _lock(folder: Path) -> int | None:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle
