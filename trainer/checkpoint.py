"""The state of a training between two epochs, in one file that is either whole or not there."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

NAME = "training.npz"
NO_FORMER = "trained from scratch: no model was blessed before this data came"
"""What is said where a training was to begin with a blessed model's weights, and there is none."""
Arrays = list[npt.NDArray[Any]]


def save(folder: Path, facts: dict[str, Any], lists: dict[str, Arrays]) -> None:
    """Write facts (JSON) and lists of arrays: temporary file, fsync, rename. Raises OSError when the disk refuses."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"{name}.{place:04d}": array for name, many in lists.items() for place, array in enumerate(many)}
    unfinished = folder / f"{NAME}.part"
    with unfinished.open("wb") as file:
        np.savez(file, facts=np.asarray(json.dumps(facts)), **arrays)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / NAME)


def load(folder: Path, names: Sequence[str]) -> tuple[dict[str, Any], dict[str, Arrays]] | None:
    """Return what was saved, or None where there is nothing whole."""
    try:
        with np.load(folder / NAME, allow_pickle=False) as file:
            keys = sorted(file.files)
            lists = {name: [file[key] for key in keys if key.startswith(f"{name}.")] for name in names}
            return json.loads(str(file["facts"])), lists
    except (FileNotFoundError, KeyError, ValueError, zipfile.BadZipFile):
        return None
