"""The sample parts: reproducible, labelled, with masks that lie on the defects."""

import csv
from collections import Counter

import cv2
import numpy as np
import pytest

from edge_agent.contracts.errors import ConfigError
from trainer.samples.generate import COLUMNS, GOOD, LABELS, generate_samples, label_of, sample_part
from trainer.samples.surface import SIZE


def rows_of(folder):
    with (folder / "labels.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def first_of(label, seed=1):
    return next(index for index in range(100) if label_of(seed, index) == label)


def test_a_folder_has_every_kind_and_three_tenths_defective(tmp_path):
    counts = generate_samples(tmp_path / "parts", parts=20, seed=3)
    rows = rows_of(tmp_path / "parts")
    labels = Counter({row["part"]: row["label"] for row in rows}.values())
    assert (counts.parts, counts.images) == (20, 60) == (sum(labels.values()), len(rows))
    assert tuple(rows[0]) == COLUMNS
    assert set(labels) == set(LABELS)
    assert labels[GOOD] == 14


@pytest.mark.parametrize("seed", range(8))
def test_twenty_parts_hold_every_kind_for_any_seed(seed):
    assert {label_of(seed, index) for index in range(20)} == set(LABELS)


def test_pictures_and_masks_are_where_the_table_says(tmp_path):
    generate_samples(tmp_path / "parts", parts=10, seed=1, frames=2)
    for row in rows_of(tmp_path / "parts"):
        picture = cv2.imread(str(tmp_path / "parts" / row["image"]), cv2.IMREAD_UNCHANGED)
        assert picture.shape == (SIZE, SIZE)
        assert bool(row["mask"]) == (row["label"] != GOOD)
        if row["mask"]:
            mask = cv2.imread(str(tmp_path / "parts" / row["mask"]), cv2.IMREAD_UNCHANGED)
            assert mask.shape == picture.shape
            assert set(np.unique(mask)) == {0, 255}


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        generate_samples(tmp_path / name, parts=6, seed=9)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) > 18
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)


def test_a_later_stretch_of_the_series_holds_other_parts_of_it(tmp_path):
    generate_samples(tmp_path / "parts", parts=2, seed=9, first=4)
    assert {row["part"] for row in rows_of(tmp_path / "parts")} == {"s9-00004", "s9-00005"}
    picture = cv2.imread(str(tmp_path / "parts" / "images" / "s9-00004_1.jpg"), cv2.IMREAD_GRAYSCALE)
    assert np.abs(picture.astype(int) - sample_part(9, 4).frames[0]).mean() < 2


@pytest.mark.parametrize("label", LABELS[1:])
def test_the_mask_covers_what_was_painted(label):
    index = first_of(label)
    part = sample_part(1, index)
    assert part.label == label
    assert all(0 < (mask > 0).mean() < 0.3 for mask in part.masks)
    inside = part.masks[0] > 0
    around = cv2.dilate(part.masks[0], np.ones((25, 25), np.uint8)) > 0
    grey = cv2.GaussianBlur(part.frames[0], (0, 0), 1.0).astype(float)
    background = np.median(grey[around & ~inside])
    assert np.percentile(np.abs(grey[inside] - background), 90) > 5


def test_a_darker_lamp_scales_the_picture_and_nothing_else():
    normal, dark = sample_part(2, 5), sample_part(2, 5, brightness=0.6)
    ratio = np.mean([d.mean() / n.mean() for d, n in zip(dark.frames, normal.frames, strict=True)])
    assert ratio == pytest.approx(0.6, abs=0.01)
    assert all((d == n).all() for d, n in zip(dark.masks, normal.masks, strict=True))


def test_blur_takes_the_sharpness():
    sharp, soft = (cv2.Laplacian(sample_part(2, 5, blur=blur).frames[0], cv2.CV_64F).std() for blur in (0.0, 3.0))
    assert soft < 0.8 * sharp


@pytest.mark.parametrize("wrong", [{"parts": 0}, {"brightness": 0.0}, {"brightness": float("nan")}, {"blur": -1.0}])
def test_arguments_out_of_range_are_refused(tmp_path, wrong):
    with pytest.raises(ConfigError):
        generate_samples(tmp_path / "parts", **{"parts": 2, "seed": 1, **wrong})


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ConfigError, match="not an empty folder"):
        generate_samples(tmp_path, parts=2, seed=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
