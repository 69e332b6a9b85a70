"""Square tiles of a picture at its full resolution: what a network with `network.tile` looks at. Rules on arrays.

A small defect of a large picture keeps its size so, and no place of a picture is anything special to the network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edge_agent.contracts.recipe import TILE_STEP, Recipe
from trainer.vision.data import Pictures

_OVERLAP = 1 / 8
"""Share of a tile that lies in the next one, too, at least: a defect at one's rim lies inside the other."""
_SLIVER = 6
"""Pixels of a defect below which a tile is neither good nor defective."""


def of_a_tile(recipe: Recipe) -> Recipe:
    """Return the recipe of the network that looks at one tile; the recipe itself where it looks at whole pictures."""
    return recipe.model_copy(update={"network": recipe.network.of_a_tile()})


def places(recipe: Recipe, kept: Sequence[int] | None = None) -> list[tuple[int, int]]:
    """Return the (top, left) corners of all tiles, row by row; together they cover the picture.

    `kept` are the rows and columns that show a padded picture: the tiles that cover these.
    """
    network = recipe.network
    rows, columns = kept or (network.height, network.width)
    tops, lefts = _begins(network.height, network.tile, rows), _begins(network.width, network.tile, columns)
    return [(top, left) for top in tops for left in lefts]


def _begins(length: int, side: int, kept: int) -> list[int]:
    overlap = math.ceil(side * _OVERLAP)
    count = 1 if length <= side else math.ceil((length - overlap) / (side - overlap))
    steps = (length - side) // TILE_STEP
    begins = [round(number * steps / max(count - 1, 1)) * TILE_STEP for number in range(count)]
    return begins[:1] + [begin for begin, before in zip(begins[1:], begins, strict=False) if before + side < kept]


def cut(pictures: Pictures, recipe: Recipe) -> tuple[Pictures, list[str]]:
    """Return the tiles of all pictures as pictures of their own, and what is to be said of them.

    Without `network.tile` that is the pictures themselves. A tile of a defective picture is defective where the mask
    is, and good elsewhere; tiles that show a padded picture's mirror image alone are left out. Of a picture whose
    defect is not marked nobody knows which tile shows it: it teaches nothing, which is said.
    """
    side = recipe.network.tile
    if not side:
        return pictures, []
    marked = np.flatnonzero(pictures.masked).tolist()
    found = []
    for place in marked:
        for top, left in places(recipe, None if pictures.kept is None else pictures.kept[place].tolist()):
            area = np.s_[top : top + side, left : left + side]
            found.append((place, area, int(pictures.masks[place][area].sum())))
    clear = [(place, area, covered > 0) for place, area, covered in found if not 0 < covered < _SLIVER]
    tiles = Pictures(
        np.asarray([pictures.images[place][area] for place, area, _ in clear], np.uint8),
        np.asarray([pictures.labels[place] if defective else 0 for place, _, defective in clear], np.int64),
        tuple(pictures.parts[place] for place, _, _ in clear),
        np.asarray([pictures.masks[place][area] for place, area, _ in clear], np.uint8),
        np.ones(len(clear), bool),
    )
    without = len(pictures) - len(marked)
    said = f"{without} defective pictures without a mask teach nothing, for network.tile is set: mark their defects"
    return tiles, [said] if without else []
