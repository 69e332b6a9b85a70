"""Generated surfaces with defects, where a network learns what spots, lines and patches are before it sees real ones.

A line makes few defective parts, and a network that knows nothing learns them by heart. What it has learned on any
number of drawn surfaces carries over: see docs/notes/vision-experiments.md.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.contracts.recipe import Recipe
from trainer.samples.generate import sample_part
from trainer.vision.data import Pictures
from trainer.vision.invent import UNKNOWN_DEFECT
from trainer.vision.network import channels

_SERIES = 900_000
"""Added to the seed: these parts are none of those that `trainer data sample` makes for small seeds."""

_BLURRED, _NEAREST = 0.3, 0.45
_DARKEST_BRIGHTEST = (-0.6, 0.25)

Grey = npt.NDArray[np.uint8]


def generated_pictures(recipe: Recipe, seed: int) -> Pictures:
    """Return `recipe.network.pretraining` pictures of the recipe's size.

    Their defects have none of the recipe's names: labels are 0 and UNKNOWN_DEFECT; every mask is known.
    """
    made = [_picture(recipe, seed, index) for index in range(recipe.network.pretraining)]
    return Pictures(
        np.repeat(np.stack([picture for picture, _, _ in made])[..., None], channels(recipe), axis=3),
        np.asarray([label for _, _, label in made], np.int64),
        tuple(f"generated-{index}" for index in range(len(made))),
        np.stack([mask for _, mask, _ in made]),
        np.ones(len(made), bool),
    )


def _picture(recipe: Recipe, seed: int, index: int) -> tuple[Grey, Grey, int]:
    """Return picture, mask (1 = defect) and label of one surface: any lamp, focus, direction and distance."""
    rng = np.random.default_rng([_SERIES, seed, index])
    blur = rng.uniform(0.3, 1.5) if rng.random() < _BLURRED else 0.0
    part = sample_part(_SERIES + seed, index, float(np.exp(rng.uniform(*_DARKEST_BRIGHTEST))), blur, frames=1)
    picture, mask = part.frames[0], part.masks[0]
    if rng.random() < 0.5:
        picture, mask = picture.T, mask.T
    side = int(rng.uniform(_NEAREST, 1.0) * len(picture))
    top, left = rng.integers(0, len(picture) - side + 1, 2)
    window = (slice(top, top + side), slice(left, left + side))
    size = (recipe.network.width, recipe.network.height)
    shown = cv2.resize(np.ascontiguousarray(picture[window]), size, interpolation=cv2.INTER_LINEAR)
    covered = cv2.resize(np.ascontiguousarray(mask[window]), size, interpolation=cv2.INTER_AREA) > 25
    label = UNKNOWN_DEFECT if covered.any() else 0
    return np.asarray(shown, np.uint8), covered.astype(np.uint8), label
