"""The state of a training between two epochs, in one file that is either whole or not there."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.encoding import canonical_json, digest_bytes, digest_file
from edge_agent.contracts.recipe import Recipe
from trainer.vision.data import Pictures

Arrays = list[npt.NDArray[Any]]
NAME = "training.npz"


@dataclass(frozen=True)
class State:
    """After `epoch` finished epochs: the weights, the optimiser's and the averaged ones, and the best so far."""

    epoch: int
    key: str
    best_epoch: int
    best_score: float
    weights: Arrays
    optimiser: Arrays
    average: Arrays
    best: Arrays


_LISTS = ("weights", "optimiser", "average", "best")


def save(folder: Path, state: State) -> None:
    """Write the state: temporary file, fsync, rename. Raises OSError when the disk refuses."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"{name}.{place:04d}": array for name in _LISTS for place, array in enumerate(getattr(state, name))}
    numbers = {
        "epoch": np.asarray(state.epoch),
        "key": np.asarray(state.key),
        "best_epoch": np.asarray(state.best_epoch),
        "best_score": np.asarray(state.best_score),
    }
    unfinished = folder / f"{NAME}.part"
    with unfinished.open("wb") as file:
        np.savez(file, **numbers, **arrays)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / NAME)


def load(folder: Path, key: str) -> State | None:
    """Read the state of the training that `key` names; None when there is none, or only that of another one."""
    try:
        with np.load(folder / NAME, allow_pickle=False) as file:
            if str(file["key"]) != key:
                return None
            lists = {name: [file[k] for k in sorted(file.files) if k.startswith(f"{name}.")] for name in _LISTS}
            return State(
                epoch=int(file["epoch"]),
                key=key,
                best_epoch=int(file["best_epoch"]),
                best_score=float(file["best_score"]),
                **lists,
            )
    except (FileNotFoundError, KeyError, ValueError, zipfile.BadZipFile):
        return None


def key_of(lessons: str, eval_pictures: Pictures | None, recipe: Recipe, seed: int, weights: Path | None) -> str:
    """Name the training by everything that it depends on, so that no other one's checkpoint is continued."""
    named = {
        "lessons": lessons,
        "eval": "" if eval_pictures is None else eval_pictures.digest(),
        "recipe": recipe.model_dump(mode="json"),
        "seed": seed,
        "weights": digest_file(weights) if weights is not None else "",
    }
    return digest_bytes(canonical_json(named))
