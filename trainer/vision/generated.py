"""Generated surfaces with defects, where a network learns what spots, lines and patches are before it sees real ones.

A line makes few defective parts, and a network that knows nothing learns them by heart. What it has learned on any
number of drawn surfaces carries over: see docs/notes/vision-experiments.md.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge_agent.contracts.recipe import Recipe
from trainer.samples.generate import GOOD, sample_part
from trainer.vision.data import Pictures
from trainer.vision.invent import UNKNOWN_DEFECT
from trainer.vision.network import channels

_SERIES = 900_000
"""Added to the seed: these parts are none of those that `trainer data sample` makes for small seeds."""


def generated_pictures(recipe: Recipe, seed: int) -> Pictures:
    """Return `recipe.network.pretraining` pictures of the recipe's size.

    Their defects have none of the recipe's names: labels are 0 and UNKNOWN_DEFECT; every mask is known.
    """
    size = (recipe.network.width, recipe.network.height)
    parts = [sample_part(_SERIES + seed, index, frames=1) for index in range(recipe.network.pretraining)]
    pictures = [cv2.resize(part.frames[0], size, interpolation=cv2.INTER_LINEAR) for part in parts]
    masks = [cv2.resize(part.masks[0], size, interpolation=cv2.INTER_AREA) > 25 for part in parts]
    return Pictures(
        np.repeat(np.stack(pictures)[..., None], channels(recipe), axis=3),
        np.asarray([0 if part.label == GOOD else UNKNOWN_DEFECT for part in parts], np.int64),
        tuple(f"generated-{index}" for index in range(len(parts))),
        np.stack(masks).astype(np.uint8),
        np.ones(len(parts), bool),
    )
