import math

import cv2
import numpy as np
import pytest

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.preprocess import (
    camera_input,
    crop,
    decode,
    from_camera,
    kept_size,
    model_input,
    resize,
    shown,
    to_original,
)
from edge_agent.contracts.quality import QUALITY_FEATURES, image_quality
from edge_agent.contracts.recipe import Camera, Colour, Crop, Labels, Network, Recipe
from edge_agent.contracts.scores import defect_probability, heatmap_peak, part_score, probabilities, shares_of


def encoded(picture: np.ndarray, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, picture)[1].tobytes()


def test_colours_come_out_in_the_recipes_order():
    bgr = np.zeros((4, 5, 3), np.uint8)
    bgr[:, :, 2] = 200
    rgb = decode(encoded(bgr), Colour.RGB)
    assert rgb[0, 0].tolist() == [200, 0, 0]
    assert from_camera(bgr, Colour.RGB)[0, 0].tolist() == [200, 0, 0]
    assert decode(encoded(bgr), Colour.GREY).shape == (4, 5, 1)
    assert np.array_equal(from_camera(bgr, Colour.GREY), decode(encoded(bgr), Colour.GREY))


@pytest.mark.fault("T02")
def test_sixteen_bits_become_eight_and_the_name_does_not_matter():
    deep = np.full((4, 4), 40_000, np.uint16)
    assert abs(int(decode(encoded(deep), Colour.GREY)[0, 0, 0]) - 156) <= 1


@pytest.mark.parametrize("data", [b"", b"no picture", encoded(np.zeros((9, 9), np.uint8))[:30]])
def test_what_is_no_picture_is_rejected(data: bytes):
    with pytest.raises(Rejected, match="not a readable picture"):
        decode(data, Colour.GREY)


@pytest.mark.fault("T01")
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tiff"])
def test_a_cut_off_file_is_rejected_not_filled_up(suffix: str):
    whole = encoded(np.random.default_rng(0).integers(0, 255, (80, 60), np.uint8), suffix)
    assert decode(whole, Colour.GREY).shape == (80, 60, 1)
    for length in (10, 30, len(whole) // 2, len(whole) - 80):
        with pytest.raises(Rejected, match="not a readable picture"):
            decode(whole[:length], Colour.GREY)


@pytest.mark.fault("T03")
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tiff"])
def test_a_header_that_claims_too_much_is_rejected_before_decoding(suffix: str):
    whole = bytearray(encoded(np.zeros((0x0123, 0x0145), np.uint8), suffix))
    for length, width in ((b"\x01\x23", b"\x01\x45"), (b"\x23\x01", b"\x45\x01")):
        whole = whole.replace(length, b"\xea\x60").replace(width, b"\xea\x60")
    with pytest.raises(Rejected, match="pixels"):
        decode(bytes(whole), Colour.GREY)


def test_the_named_resize_agrees_with_training_frameworks_bilinear():
    draw = np.random.default_rng(3)
    picture = draw.integers(0, 255, (37, 53, 1), np.uint8)
    small = resize(picture, 16, 16).astype(float)
    rows = (np.arange(16) + 0.5) * 37 / 16 - 0.5
    columns = (np.arange(16) + 0.5) * 53 / 16 - 0.5
    expected = np.empty((16, 16))
    for i, y in enumerate(rows):
        for j, x in enumerate(columns):
            y0, x0 = int(np.floor(y)), int(np.floor(x))
            fy, fx = y - y0, x - x0
            patch = picture[np.clip([y0, y0 + 1], 0, 36)][:, np.clip([x0, x0 + 1], 0, 52), 0].astype(float)
            expected[i, j] = (patch * np.outer([1 - fy, fy], [1 - fx, fx])).sum()
    assert np.abs(small[:, :, 0] - expected).max() <= 1.0


def test_model_input_crops_then_resizes():
    recipe = Recipe(
        name="x",
        labels=Labels(good="ok", defects=("bad",)),
        camera=Camera(crop=Crop(left=0.5, right=1.0)),
        network=Network(height=32, width=48),
    )
    picture = np.zeros((60, 100, 1), np.uint8)
    picture[:, 50:] = 255
    seen = model_input(picture, recipe)
    assert seen.shape == (32, 48, 1)
    assert seen.min() == 255
    assert to_original(0.5, 0.5, recipe.camera.crop) == (0.75, 0.5)
    assert crop(picture, Crop(left=0.99999, right=1.0)).shape[1] >= 1


def test_quality_tells_dark_flat_and_blurred():
    draw = np.random.default_rng(1)
    sharp = draw.integers(60, 200, (64, 64, 1), np.uint8)
    named = dict(zip(QUALITY_FEATURES, image_quality(sharp), strict=True))
    blurred = dict(zip(QUALITY_FEATURES, image_quality(cv2.GaussianBlur(sharp, (0, 0), 2)[:, :, None]), strict=True))
    black = dict(zip(QUALITY_FEATURES, image_quality(np.zeros((64, 64, 1), np.uint8)), strict=True))
    assert blurred["sharpness"] < named["sharpness"] / 5
    assert black == {"brightness": 0, "contrast": 0, "sharpness": 0, "dark_share": 1, "bright_share": 0}


def test_scores_are_calibrated_softmax_and_a_peak():
    cold = probabilities(np.array([2.0, 0.0, 0.0]), 1.0)
    warm = probabilities(np.array([2.0, 0.0, 0.0]), 4.0)
    assert cold.sum() == pytest.approx(1)
    assert float(defect_probability(warm)) > float(defect_probability(cold))
    assert np.isnan(probabilities(np.array([np.nan, 0.0]), 1.0)).all()
    heatmap = np.zeros((4, 8), np.float32)
    heatmap[1, 6] = 1
    assert heatmap_peak(heatmap) == (6.5 / 8, 1.5 / 4)
    assert part_score([0.1, 0.9], "max") == 0.9
    assert part_score([0.1, 0.9], "mean") == pytest.approx(0.5)
    for scores in ([0.1, math.nan], [math.nan, 0.1]):
        assert all(math.isnan(part_score(scores, combine)) for combine in ("max", "mean"))


@pytest.mark.parametrize("colour", list(Colour))
@pytest.mark.parametrize("shape", [(37, 53, 3), (37, 53), (37, 53, 1), (90, 120, 3)])
@pytest.mark.parametrize("region", [Crop(), Crop(left=0.1, top=0.2, right=0.7, bottom=0.95)])
@pytest.mark.parametrize("fit", ["stretch", "pad"])
def test_the_short_way_of_a_frame_gives_the_same_bytes(
    colour: Colour, shape: tuple[int, ...], region: Crop, fit: str
) -> None:
    frame = np.random.default_rng(5).integers(0, 256, shape, np.uint8)
    for height, width in ((32, 40), shape[:2], (64, 48)):
        recipe = Recipe(
            name="p",
            labels=Labels(good="ok", defects=("pit",)),
            camera=Camera(colour=colour, crop=region),
            network=Network(height=height, width=width, fit=fit),
        )
        assert np.array_equal(camera_input(frame, recipe), model_input(from_camera(frame, colour), recipe))


def padding(height: int = 64, width: int = 96, crop: Crop | None = None) -> Recipe:
    return Recipe(
        name="p",
        labels=Labels(good="ok", defects=("pit",)),
        camera=Camera(crop=crop or Crop()),
        network=Network(height=height, width=width, fit="pad"),
    )


@pytest.mark.parametrize("shape", [(64, 96, 1), (40, 50, 1), (40, 20, 3), (1, 1, 1), (5, 90, 1)])
def test_a_padded_picture_keeps_its_pixels_and_is_mirrored_beyond(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(8).integers(0, 256, shape, np.uint8)
    seen = model_input(picture, padding())
    height, width, _ = shape
    assert seen.shape == (64, 96, shape[2])
    assert np.array_equal(seen[:height, :width], picture)
    for column in range(width, min(2 * width - 1, 96)):
        assert np.array_equal(seen[:height, column], picture[:, 2 * width - 2 - column])
    for row in range(height, min(2 * height - 1, 64)):
        assert np.array_equal(seen[row, :width], picture[2 * height - 2 - row])


def test_a_picture_that_is_too_large_is_scaled_down_whole_and_keeps_its_ratio() -> None:
    picture = np.zeros((100, 300, 1), np.uint8)
    picture[:, 270:] = 200
    seen = model_input(picture, padding())
    assert kept_size((100, 300), padding().network) == (32, 96)
    assert seen[:32, 88:].min() > 150
    assert seen[:32, :84].max() == 0
    assert np.array_equal(seen[32:63], seen[30::-1][:31])


def test_of_a_map_over_the_input_the_part_is_cut_out_that_shows_the_picture() -> None:
    heat = np.arange(8 * 12, dtype=np.float32).reshape(8, 12)
    assert np.array_equal(shown(heat, (40, 49, 3), padding()), heat[:5, :7])
    assert np.array_equal(shown(heat, (80, 98), padding(crop=Crop(right=0.5, bottom=0.5))), heat[:5, :7])
    assert shown(heat, (200, 300), padding()).shape == (8, 12)
    stretched = padding().model_copy(update={"network": Network(height=64, width=96)})
    assert shown(heat, (40, 49), stretched) is heat


def test_the_recipe_that_stretches_reads_as_before() -> None:
    assert "fit" not in Network().model_dump()
    assert padding().network.model_dump()["fit"] == "pad"


def test_the_shares_of_one_picture_are_those_of_many() -> None:
    for logits in np.random.default_rng(6).normal(0, 20, (200, 4)).astype(np.float32):
        assert shares_of(logits.tolist(), 1.7) == pytest.approx(probabilities(logits, 1.7), rel=1e-14, abs=1e-300)
    for broken in ([math.nan, 1.0], [1.0, math.nan, 2.0], [math.inf, 1.0], [-math.inf, -math.inf]):
        with np.errstate(invalid="ignore"):
            assert all(np.isnan(probabilities(np.array(broken), 1.0)))
        assert all(map(math.isnan, shares_of(broken, 1.0)))


@pytest.mark.parametrize("shape", [(64, 64, 1), (7, 5, 3), (4, 1, 1), (1, 1, 1)])
@pytest.mark.parametrize(("low", "high"), [(0, 256), (15, 17), (239, 241)])
def test_dark_and_bright_pixels_are_counted(shape: tuple[int, ...], low: int, high: int) -> None:
    picture = np.random.default_rng(7).integers(low, high, shape, np.uint8)
    grey = picture[:, :, 0] if shape[2] == 1 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    assert image_quality(picture)[3:] == ((grey < 16).mean(), (grey >= 240).mean())
