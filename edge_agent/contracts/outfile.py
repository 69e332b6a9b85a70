"""Where a person wants a result: a file is replaced whole, a device or a pipe can only be written to."""

from __future__ import annotations

from pathlib import Path


def is_stream(path: Path) -> bool:
    """Say whether it is a device or a pipe, such as /dev/stdout: a rename would put a file in its place."""
    return path.exists() and not path.is_file() and not path.is_dir()
