"""Varied pictures: repeatable, of the same kind, and the mask goes where the defect goes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from trainer.vision.data import Batch


def batch_of(count: int = 6) -> Batch:
    """Grey pictures with one bright square each; the masks cover the squares."""
    images = np.full((count, 64, 48, 1), 60, np.uint8)
    masks = np.zeros((count, 64, 48), np.uint8)
    images[:, 20:32, 8:20] = 220
    masks[:, 20:32, 8:20] = 1
    return {"images": images, "masks": masks, "labels": np.ones(count, np.int32)}


def varied(count: int, seed: int, **placing: float) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    import tensorflow as tf

    from trainer.vision.augment import Placing, augment

    batch = batch_of(count)
    images, masks = augment(
        tf.constant(batch["images"]), tf.constant(batch["masks"]), tf.constant([seed, 0], tf.int64), Placing(**placing)
    )
    return images.numpy(), masks.numpy()


def test_the_same_seed_gives_the_same_pictures() -> None:
    first, second, other = varied(6, 4), varied(6, 4), varied(6, 5)
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert (first[0] != other[0]).any()


def test_shapes_and_types_stay() -> None:
    images, masks = varied(6, 1)
    assert (images.shape, images.dtype) == ((6, 64, 48, 1), np.uint8)
    assert (masks.shape, masks.dtype) == ((6, 64, 48), np.uint8)
    assert set(np.unique(masks)) == {0, 1}


def test_the_mask_moves_with_the_defect() -> None:
    images, masks = varied(40, 2)
    assert (masks != batch_of(40)["masks"]).any()
    for image, mask in zip(images, masks, strict=True):
        inside = mask > 0
        assert inside.any()
        assert image[inside].mean() > image[~inside].mean() + 30


def test_mirrored_pictures_are_exact_and_all_four_kinds_come() -> None:
    masks = varied(40, 3, zoom=0, stretch=0, move=0)[1]
    square = batch_of(1)["masks"][0]
    wanted = {m.tobytes() for m in (square, square[::-1], square[:, ::-1], square[::-1, ::-1])}
    assert {mask.tobytes() for mask in masks} == wanted


def test_without_placing_only_the_light_changes() -> None:
    images, masks = varied(20, 3, zoom=0, stretch=0, move=0)
    assert masks.sum() == batch_of(20)["masks"].sum()
    assert images.mean(axis=(1, 2, 3)).std() > 5


def test_batches_come_in_order_once_each_and_only_the_first_pictures_are_varied() -> None:
    from trainer.vision.feeding import Feed

    made: list[int] = []

    def make(number: int) -> Batch:
        made.append(number)
        return {**batch_of(3), "labels": np.full(3, number, np.int32)}

    feed = Feed(make, batch_of(3), varied=2, seed=7)
    found = list(feed.batches(4, 9).as_numpy_iterator())
    assert [batch["labels"][0] for batch in found] == [4, 5, 6, 7, 8]
    assert sorted(made) == [4, 5, 6, 7, 8]
    still = batch_of(1)["images"][0]
    assert all((batch["images"][2] == still).all() for batch in found)
    assert all((batch["images"][0] != still).any() for batch in found)
    later = next(iter(feed.batches(7, 9).as_numpy_iterator()))
    assert (later["images"] == found[3]["images"]).all(), "a resumed training sees what it would have seen"


def test_the_watch_tells_waiting_from_work() -> None:
    from trainer.vision.feeding import Watch

    times: Any = iter([0.0, 1.0, 4.0, 4.0, 5.0, 8.0])
    watch = Watch(clock=lambda: float(next(times)))
    assert str(watch.seen()) == "no step was trained"
    assert list(watch.over(iter("ab"), 2)) == ["a", "b"]
    assert (watch.waited, watch.worked) == (2.0, 6.0)
    assert watch.seen().step_share == pytest.approx(0.75)
    assert str(watch.seen()) == "75.0% of the training was the step, 2.0 s were waiting for pictures"
