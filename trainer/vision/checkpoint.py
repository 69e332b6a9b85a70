"""The state of a training on pictures between two epochs, and which training it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.encoding import canonical_json, digest_bytes, digest_file
from edge_agent.contracts.recipe import Recipe
from trainer import checkpoint
from trainer.checkpoint import Arrays
from trainer.vision.data import Pictures


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
    """Write the state. Raises OSError when the disk refuses."""
    facts = {
        "epoch": state.epoch,
        "key": state.key,
        "best_epoch": state.best_epoch,
        "best_score": float(state.best_score),
    }
    checkpoint.save(folder, facts, {name: getattr(state, name) for name in _LISTS})


def load(folder: Path, key: str) -> State | None:
    """Read the state of the training that `key` names; None when there is none, or only that of another one."""
    found = checkpoint.load(folder, _LISTS)
    if found is None or found[0].get("key") != key:
        return None
    facts, lists = found
    return State(**facts | lists)


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
