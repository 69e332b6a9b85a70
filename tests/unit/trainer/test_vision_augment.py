"""Varied pictures: repeatable, of the same kind, and the mask goes where the defect goes."""

from __future__ import annotations

import numpy as np

from trainer.vision.augment import Placing, augment
from trainer.vision.data import Batch, batches


def batch_of(count: int = 6) -> Batch:
    """Grey pictures with one bright square each; the masks cover the squares."""
    images = np.full((count, 64, 48, 1), 60, np.uint8)
    masks = np.zeros((count, 64, 48), np.uint8)
    images[:, 20:32, 8:20] = 220
    masks[:, 20:32, 8:20] = 1
    return {"images": images, "masks": masks, "labels": np.ones(count, np.int32)}


def test_the_same_seed_gives_the_same_pictures() -> None:
    first, second = (augment(batch_of(), np.random.default_rng(4)) for _ in range(2))
    assert all((first[name] == second[name]).all() for name in first)
    assert (first["images"] != augment(batch_of(), np.random.default_rng(5))["images"]).any()


def test_shapes_and_types_stay() -> None:
    before = batch_of()
    after = augment(before, np.random.default_rng(1))
    assert {name: (array.shape, array.dtype) for name, array in after.items()} == {
        name: (array.shape, array.dtype) for name, array in before.items()
    }


def test_the_mask_moves_with_the_defect() -> None:
    before = batch_of(40)
    after = augment(before, np.random.default_rng(2))
    assert (after["masks"] != before["masks"]).any()
    for image, mask in zip(after["images"], after["masks"], strict=True):
        inside = mask > 0
        if inside.any():
            assert image[inside].mean() > image[~inside].mean() + 30


def test_without_placing_only_the_light_changes() -> None:
    still = Placing(zoom=0, stretch=0, move=0)
    before = batch_of(20)
    after = augment(before, np.random.default_rng(3), still)
    assert after["masks"].sum() == before["masks"].sum()
    assert after["images"].mean(axis=(1, 2, 3)).std() > 5


def test_a_batch_is_made_once() -> None:
    made: list[int] = []

    def make(number: int) -> Batch:
        made.append(number)
        return batch_of(2)

    found = [step["images"].numpy().shape for step in batches(make, 3, batch_of(2))]
    assert found == [(2, 64, 48, 1)] * 3
    assert sorted(made) == [0, 1, 2]
