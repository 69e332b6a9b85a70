"""A network that looks at the tiles of a picture, one after another, and answers for the picture as a whole."""

from __future__ import annotations

from functools import reduce
from typing import Any

import keras
from keras import layers, ops

from edge_agent.contracts.recipe import TILE_STEP, Recipe
from trainer.vision.tiles import places


def tiled(tile: keras.Model, recipe: Recipe, channels: int, batch: int | None) -> keras.Model:
    """Return the network that serves whole pictures, made of the one that serves a `tile`; see `network.Network`.

    A picture is as likely to show a kind of defect as the tile that shows it most. The heatmap is that of all tiles,
    where they overlap the stronger; the embedding is the tiles' mean.
    """
    network, corners = recipe.network, places(recipe)
    image = keras.Input((network.height, network.width, channels), batch_size=batch, name="image", dtype="float32")
    side = network.tile
    found = tile(layers.Concatenate(axis=0)([image[:, top : top + side, left : left + side] for top, left in corners]))

    def of_each(name: str) -> list[Any]:
        return list(ops.split(found[name], len(corners), axis=0))

    kinds = [logits[:, 1:] - logits[:, :1] for logits in of_each("logits")]
    size = network.height // TILE_STEP, network.width // TILE_STEP
    maps = [_in_place(heat, corner, size) for heat, corner in zip(of_each("heatmap"), corners, strict=True)]
    embedding = reduce(ops.add, of_each("embedding")) / len(corners)
    logits = ops.pad(reduce(ops.maximum, kinds), ((0, 0), (1, 0)))
    return keras.Model(image, {"logits": logits, "heatmap": reduce(ops.maximum, maps), "embedding": embedding})


def _in_place(heat: Any, corner: tuple[int, int], size: tuple[int, int]) -> Any:
    """Return a tile's heatmap (n, rows, columns) as one of the whole picture, of this size, 0 around the tile."""
    top, left = (pixels // TILE_STEP for pixels in corner)
    rows, columns = heat.shape[1:3]
    return ops.pad(heat, ((0, 0), (top, size[0] - top - rows), (left, size[1] - left - columns)))
