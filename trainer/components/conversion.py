"""What the Converters of pictures and tables have in common: what they pack with, and what they say of a bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.contracts.bundle import Sources
from edge_agent.contracts.recipe import Recipe
from trainer.evaluation.released import read_override

if TYPE_CHECKING:
    from converter.convert import Conversion, Options

RECIPE = "recipe.json"
_CHOSEN = ("backbone", "embedding", "epochs", "batch", "learning_rate", "model")
"""Keys of `network` that the Trainer may have had otherwise than the recipe has them."""


def options_of(
    blessing: Path, version: str, release: int, sources: Mapping[str, str], cost: Mapping[str, Any] | None
) -> Options:
    """Return how to convert; a model that a person released in spite of its evaluation carries that as a remark."""
    from converter.confidence import Cost
    from converter.convert import Options

    released = read_override(blessing)
    return Options(
        version=version,
        release=release,
        sources=Sources(**sources),
        cost=Cost(**cost) if cost else None,
        remarks=(released.text, *released.refused) if released is not None else (),
    )


def as_trained(recipe: Mapping[str, Any], model: Path) -> Recipe:
    """Return the recipe that goes into the bundle, with what the Trainer trained.

    The Tuner may have chosen its network, and data without a defect make it the anomaly model.
    """
    asked = Recipe.model_validate(recipe)
    trained = Recipe.model_validate_json((model / RECIPE).read_text(encoding="utf-8")).network
    chosen = {name: getattr(trained, name) for name in _CHOSEN}
    return asked.model_copy(update={"network": asked.network.model_copy(update=chosen)})


def emptied(scratch: Path) -> Path:
    """Return the folder of the conversion, without what a killed one has left in it."""
    out = scratch / "conversion"
    shutil.rmtree(out, ignore_errors=True)
    return out


def take(made: Conversion, bundle: Path, version: str, release: int) -> dict[str, Any]:
    """Copy the bundle into the output and return its properties."""
    shutil.copytree(made.bundle, bundle, dirs_exist_ok=True)
    failed = [f"{one.id} {one.status}: {one.reason}" for one in made.variants if one.status != "passed"]
    properties = {"bundle": made.bundle_id, "chosen": made.chosen, "version": version, "release": release}
    return {"bundle": {**properties, "variants": json.dumps(list(made.rows)), "reasons": [made.why, *failed]}}
