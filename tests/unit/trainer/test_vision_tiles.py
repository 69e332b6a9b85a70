"""A network that looks at tiles of a picture: where they lie, what they teach, what the whole picture's answer is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.contracts.recipe import TILE_SIDES, TILE_STEP, Network, Recipe
from trainer.samples.generate import LABELS
from trainer.vision.data import Pictures
from trainer.vision.tiles import cut, of_a_tile, places


def recipe_of(height=96, width=160, tile=64, **network):
    settings = {"height": height, "width": width, "tile": tile, "backbone": "tiny", "batch": 8, "embedding": 8}
    labels = {"good": LABELS[0], "defects": list(LABELS[1:])}
    return Recipe.model_validate({"name": "test", "labels": labels, "network": {**settings, **network}})


def pictures_with(mask, label=2, masked=True):
    """A defective picture with this mask, and a good one."""
    height, width = mask.shape
    images = np.random.default_rng(5).integers(0, 256, (2, height, width, 1)).astype(np.uint8)
    masks = np.stack([mask, np.zeros_like(mask)]).astype(np.uint8)
    return Pictures(images, np.asarray([label, 0]), ("bad", "fine"), masks, np.asarray([masked, True]))


@given(st.integers(1, 12), st.integers(0, 80), st.integers(0, 80))
def test_tiles_cover_the_picture_overlap_and_begin_at_cells(sides, more_rows, more_columns):
    tile = sides * TILE_SIDES
    height, width = (min(tile + TILE_STEP * more, 1024) for more in (more_rows, more_columns))
    corners = places(recipe_of(height, width, tile))
    assert len(set(corners)) == len(corners)
    for length, begins in (
        (height, sorted({top for top, _ in corners})),
        (width, sorted({left for _, left in corners})),
    ):
        assert begins[0] == 0
        assert begins[-1] + tile == length
        assert all(begin % TILE_STEP == 0 for begin in begins)
        gaps = np.diff(begins)
        assert (gaps <= tile - tile / 8 + TILE_STEP).all()
        assert len(begins) == 1 or (gaps > 0).all()


def test_a_defect_makes_those_tiles_defective_that_show_it():
    mask = np.zeros((96, 160), np.uint8)
    mask[4:8, 4:8] = 1
    tiles, said = cut(pictures_with(mask), recipe_of())
    corners = places(recipe_of())
    assert said == []
    assert len(tiles) == 2 * len(corners)
    assert tiles.images.shape[1:] == (64, 64, 1)
    assert tiles.labels.tolist() == [2] + [0] * (2 * len(corners) - 1)
    assert tiles.masks[0].sum() == 16
    assert tiles.masks[1:].sum() == 0
    assert tiles.parts == ("bad",) * len(corners) + ("fine",) * len(corners)
    assert (tiles.images[0] == pictures_with(mask).images[0][:64, :64]).all()


def test_a_tile_with_a_sliver_of_a_defect_is_neither_good_nor_defective():
    mask = np.zeros((96, 160), np.uint8)
    mask[95, 157:] = 1
    tiles, _ = cut(pictures_with(mask), recipe_of())
    assert len(tiles) == 2 * len(places(recipe_of())) - 1
    assert (tiles.labels == 0).all()


def test_a_defective_picture_without_a_mask_teaches_nothing_and_that_is_said():
    tiles, said = cut(pictures_with(np.zeros((96, 160), np.uint8), masked=False), recipe_of())
    assert set(tiles.parts) == {"fine"}
    assert said == [
        "1 defective pictures without a mask teach nothing, for network.tile is set: mark their defects",
    ]


def test_tiles_that_show_the_mirror_image_alone_teach_nothing():
    recipe = recipe_of(height=96, width=160, fit="pad")
    everywhere = places(recipe)
    assert everywhere == [(top, left) for top in (0, 32) for left in (0, 48, 96)]
    assert places(recipe, (64, 64)) == [(0, 0)]
    assert places(recipe, (65, 112)) == [(0, 0), (0, 48), (32, 0), (32, 48)]
    assert places(recipe, (10, 113)) == [(0, 0), (0, 48), (0, 96)]
    mask = np.zeros((96, 160), np.uint8)
    mask[4:8, 4:8] = 1
    pictures = replace(pictures_with(mask), kept=np.asarray([[30, 40], [96, 160]]))
    tiles, _ = cut(pictures, recipe)
    assert tiles.parts == ("bad",) + ("fine",) * 6


def test_without_tiles_the_pictures_stay_as_they_are():
    pictures = pictures_with(np.ones((96, 160), np.uint8))
    recipe = recipe_of(tile=0)
    assert cut(pictures, recipe) == (pictures, [])
    assert of_a_tile(recipe) == recipe


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tile": 40}, "tile 40 is no multiple of 32"),
        ({"tile": 128, "height": 96, "width": 256}, "tile 128 is larger than height 96"),
        ({"tile": 64, "height": 96, "width": 100}, "width 100 is no multiple of 8"),
    ],
)
def test_a_tile_that_does_not_fit_is_refused(settings, said):
    with pytest.raises(ValidationError, match=said):
        Network(**settings)


def test_a_recipe_without_tiles_reads_as_before():
    assert "tile" not in Network().model_dump()
    assert Network(height=96, width=96, tile=64).model_dump()["tile"] == 64


@pytest.mark.parametrize("model", ["classification", "anomaly"])
def test_the_whole_picture_says_what_its_worst_tile_says(model):
    import keras

    from trainer.vision.network import build
    from trainer.vision.predict import predict

    keras.utils.set_random_seed(3)
    recipe = recipe_of(model=model)
    whole, one = build(recipe), build(of_a_tile(recipe))
    one.training.set_weights(whole.training.get_weights())
    picture = np.random.default_rng(1).integers(0, 256, (96, 160, 1)).astype(np.uint8)
    said = predict(whole, np.stack([picture, picture[::-1]]))
    assert said.heatmaps.shape == (2, 12, 20)
    corners = places(recipe)
    tiles = predict(one, np.stack([picture[top : top + 64, left : left + 64] for top, left in corners]))
    kinds = tiles.logits - tiles.logits[:, :1]
    assert said.logits[0] == pytest.approx(kinds.max(axis=0), abs=1e-4)
    assert said.embeddings[0] == pytest.approx(tiles.embeddings.mean(axis=0), abs=1e-4)
    stitched = np.zeros((12, 20), np.float32)
    for (top, left), heat in zip(corners, tiles.heatmaps, strict=True):
        place = np.s_[top // 8 : top // 8 + 8, left // 8 : left // 8 + 8]
        stitched[place] = np.maximum(stitched[place], heat)
    assert said.heatmaps[0] == pytest.approx(stitched, abs=1e-5)
