"""Examples in several files: read side by side, every picture with its own columns, each time in one order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_agent.contracts.quality import QUALITY_FEATURES
from trainer.data.examples import COLUMNS, TEXTS, Example, write_shard
from trainer.data.picture_columns import columns, pictures
from trainer.vision.data import Pictures


def example(number: int) -> Example:
    texts = {name: f"{name}-{number}" for name in TEXTS}
    image = np.full((4, 6, 1), number, np.uint8)
    return Example(image, image[:, :, 0] % 2, bool(number % 3), texts, (float(number),) * len(QUALITY_FEATURES))


def test_pictures_and_columns_of_many_files_stay_together(tmp_path: Path) -> None:
    sizes = (5, 1, 7, 2, 3, 4, 6, 2, 9, 1, 3)
    number = 0
    for shard, size in enumerate(sizes):
        path = tmp_path / "Split-train" / f"data_tfrecord-{shard:05d}-of-{len(sizes):05d}"
        write_shard([example(number + k) for k in range(size)], path)
        number += size
    alone = columns(tmp_path, "train")
    found = pictures(tmp_path, "train", (4, 6, 1))
    levels = found.images[:, 0, 0, 0].tolist()
    assert sorted(levels) == list(range(number))
    assert found.texts("part") == tuple(f"part-{level}" for level in levels)
    assert (found.masks[:, 0, 0] == np.asarray(levels) % 2).all()
    assert [value.decode() for value in alone["part"]] == list(found.texts("part"))
    assert (pictures(tmp_path, "train", (4, 6, 1)).images == found.images).all()


def test_of_padded_pictures_the_part_that_shows_them_is_known(tmp_path: Path) -> None:
    kept = [None, (4, 6), (2, 6), (3, 1)]
    path = tmp_path / "Split-train" / "data_tfrecord-00000-of-00001"
    write_shard([replace(example(number), kept=one) for number, one in enumerate(kept)], path)
    found = pictures(tmp_path, "train", (4, 6, 1))
    assert found.kept is not None
    assert found.kept.tolist() == [[4, 6], [4, 6], [2, 6], [3, 1]]
    assert set(columns(tmp_path, "train")) == set(COLUMNS)
    write_shard([example(number) for number in range(3)], path)
    assert pictures(tmp_path, "train", (4, 6, 1)).kept is None


def test_what_lies_beyond_a_picture_is_cut_off() -> None:
    images, masks = np.zeros((2, 16, 24, 1), np.uint8), np.zeros((2, 16, 24), np.uint8)
    kept = np.asarray([[16, 24], [9, 20]])
    padded = Pictures(images, np.zeros(2, np.int64), ("a", "b"), masks, np.ones(2, bool), kept)
    heat = np.arange(6).reshape(2, 3)
    assert (padded.shown(heat, 0) == heat).all()
    assert padded.shown(masks[1], 1).shape == (9, 20)
    assert padded.shown(heat, 1).shape == (2, 3)
    later = padded.subset(np.asarray([1]))
    assert later.shown(images[0], 0).shape == (9, 20, 1)
    whole = replace(padded, kept=None)
    assert whole.shown(heat, 1) is heat


def test_what_lies_beyond_a_padded_picture_is_nothing_to_the_users_own_figures() -> None:
    kept = np.asarray([[16, 24], [9, 20]])
    nothing = np.zeros((2, 16, 24, 1), np.uint8)
    padded = Pictures(nothing, np.zeros(2, np.int64), ("a", "b"), nothing[..., 0], np.ones(2, bool), kept)
    heat = padded.within(np.ones((2, 4, 6), np.float32))
    assert heat[0].all()
    assert (heat[1, :3, :5].all(), heat[1, 3:].any(), heat[1, :, 5:].any()) == (True, False, False)
    masks = padded.within(np.ones((2, 16, 24), np.uint8))
    assert masks[1].sum() == 9 * 20
    assert replace(padded, kept=None).within(masks) is masks
