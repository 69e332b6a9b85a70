"""Virtual environments of locked packages, for programs that cannot live in this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.pipeline.lock import file_lock

TOP = Path(__file__).resolve().parents[2]


def shared_environment(factory: pytest.TempPathFactory, lock: str) -> Path:
    """Return an environment of locked packages that is made once for all tests, also those of other processes."""
    base = factory.getbasetemp()
    together = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder, ready = together / "environments" / lock, together / "environments" / f"{lock}.ready"
    with file_lock(together / "environments" / f"{lock}.lock"):
        if not ready.exists():
            locked_environment(folder, lock)
            ready.touch()
    return folder


def locked_environment(folder: Path, lock: str) -> list[str]:
    """Make a virtual environment with the packages of `scripts/requirements/LOCK.txt`.

    Returns the words of `uv pip install` into it, for what is to be added.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    install = [uv, "pip", "install", "-q", "-p", str(folder)]
    requirements = TOP / "scripts" / "requirements" / f"{lock}.txt"
    subprocess.run([*install, "--require-hashes", "-r", str(requirements)], check=True)
    return install
