"""Virtual environments of locked packages, for programs that cannot live in this one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


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
