"""Pretrainer: the recipe's network learns from drawn surfaces, once; every training after that begins with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_agent.contracts.recipe import Recipe
from trainer.pipeline.step import Context


def pretrainer(
    pretrained: Path,
    recipe: Mapping[str, Any],
    context: Context,
    weights: str = "",
    backbone_weights: str = "",
    module: str = "",
) -> dict[str, Any]:
    """Write `model.weights.h5`, the network's weights after `network.pretraining` drawn surfaces.

    `weights` is what the backbone begins with, as in `network.weights`; `backbone_weights` is the digest of that file,
    for other weights give another result. `module` is the user's own file, if any.
    """
    from trainer.vision.export import WEIGHTS
    from trainer.vision.fit import Epoch
    from trainer.vision.own import OwnPictures
    from trainer.vision.training import beginning_with, pretrain

    settings = beginning_with(Recipe.model_validate(recipe), weights)

    def report(epoch: Epoch) -> None:
        context.progress(f"drawn surfaces, epoch {epoch.number} of {epoch.of}, loss {epoch.loss:.3f}", epoch.share)

    context.progress("drawing surfaces", None)
    own = OwnPictures.of(module, {})
    network = pretrain(settings, settings.network.seed, context.scratch / "checkpoints", report, own)
    network.training.save_weights(pretrained / WEIGHTS)
    return {"pretrained": {"surfaces": settings.network.pretraining}}
