"""The environment of TFX 1.16, which needs Python 3.10: found, or made once from the locked requirements."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

LOCK = Path(__file__).resolve().parents[3] / "scripts" / "requirements" / "tfx.txt"
VARIABLE = "LINESIDE_TFX"
_MARK = ".installed"


class NotHere(Exception):
    """TFX cannot be run on this machine; the message says why in one line."""


def tfx_python(environ: Mapping[str, str]) -> Path:
    """Return the interpreter that has TFX: of the folder that LINESIDE_TFX names, else of the user's cache folder.

    Raises NotHere where there is no Python 3.10 to make it with, or the packages cannot be had.
    """
    named = environ.get(VARIABLE)
    if named:
        python = Path(named) / "bin" / "python"
        if not python.exists():
            raise NotHere(f"{VARIABLE}: {named} is no virtual environment; name one with TFX 1.16, or none")
        return python
    folder = place(environ)
    python = folder / "bin" / "python"
    if not (folder / _MARK).exists():
        _make(folder, python, base_python(environ))
    return python


def place(environ: Mapping[str, str]) -> Path:
    """Return the folder of the environment; another lock file has another one."""
    cache = Path(environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".cache")
    return cache / "lineside" / f"tfx-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"


def base_python(environ: Mapping[str, str]) -> str:
    """Return a Python 3.10: on the path, or among pyenv's. Raises NotHere where there is none."""
    for candidate in _candidates(environ):
        said = subprocess.run(
            [candidate, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True
        )
        if said.stdout.strip() == "(3, 10)":
            return candidate
    raise NotHere(f"no Python 3.10 was found for TFX 1.16; install it, or name an environment with TFX in {VARIABLE}")


def _candidates(environ: Mapping[str, str]) -> Iterator[str]:
    found = shutil.which("python3.10", path=environ.get("PATH"))
    if found:
        yield found
    home = Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME", "~")).expanduser() / ".pyenv")
    yield from (str(path) for path in sorted(home.glob("versions/3.10.*/bin/python"), reverse=True))


def _make(folder: Path, python: Path, base: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    _call([base, "-m", "venv", str(folder)])
    try:
        _call([*pip, "uv>=0.5"])
        install = [str(folder / "bin" / "uv"), "pip", "install", "-q", "-p", str(folder)]
    except NotHere:
        # uv is fast; where it cannot be had, pip does the same.
        install = pip
    _call([*install, "--require-hashes", "-r", str(LOCK)])
    (folder / _MARK).touch()


def _call(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise NotHere(f"the environment of TFX could not be made ({last[:200]})")
