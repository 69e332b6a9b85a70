"""The pictures of a bundle's self-test: those that notice a wrong resize or colour order soonest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from converter.bench import run_on_edge
from converter.pictures import Item, read_picture
from edge_agent.contracts.preprocess import Picture, crop
from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.scores import Floats, probabilities

MAX_CASES = 6
_CANDIDATES = 48


def candidates(labels: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], most: int = _CANDIDATES) -> list[int]:
    """Return the places of up to `most` rightly classified pictures, evenly spread over their labels."""
    right = np.flatnonzero(labels == predicted)
    kinds = np.unique(labels[right])
    share = max(1, most // max(1, len(kinds)))
    chosen = []
    for kind in kinds:
        places = right[labels[right] == kind]
        chosen += [int(places[len(places) * k // share]) for k in range(min(share, len(places)))]
    return sorted(set(chosen)) or list(range(min(most, len(labels))))


def wrongly_prepared(picture: Picture, recipe: Recipe) -> Picture:
    """Prepare a picture as a careless station might: area resize, and red and blue swapped."""
    region = crop(picture, recipe.camera.crop)
    size = (recipe.network.width, recipe.network.height)
    resized = cv2.resize(region, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], picture.shape[2])
    return np.ascontiguousarray(np.asarray(resized, np.uint8)[:, :, ::-1])


def sensitivity(
    model: Path, items: Sequence[Item], expected: Floats, temperature: float, recipe: Recipe, work: Path
) -> npt.NDArray[np.float64]:
    """Return, per picture, how far the class probabilities move when it is prepared wrongly.

    `expected` holds the logits (n, classes) of the same graph for the pictures prepared rightly.
    """
    inputs = np.stack([wrongly_prepared(read_picture(item, recipe), recipe) for item in items])
    np.save(work / "wrong.npy", inputs)
    run = run_on_edge(model, work / "wrong.npy", work / "wrong.npz", threads=1, repeat=0)
    found = probabilities(run.scores["logits"], temperature)
    return np.asarray(np.abs(found - probabilities(expected, temperature)).max(axis=1), np.float64)


def pick(labels: Sequence[str], moved: Sequence[float], most: int = MAX_CASES) -> list[int]:
    """Return the places of the most sensitive picture of each label, then of the most sensitive others."""
    order = sorted(range(len(labels)), key=lambda place: (-moved[place], place))
    firsts = [place for k, place in enumerate(order) if labels[place] not in {labels[p] for p in order[:k]}]
    return sorted((firsts + [place for place in order if place not in firsts])[:most])


def to_png(picture: Picture) -> bytes:
    """Return the picture (height, width, 1 or 3 RGB) as PNG, without loss."""
    pixels = picture if picture.shape[2] == 1 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return bytes(data)
