"""The live picture: what is measured of it, and the file by which it reaches the page."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.capture.camera import Camera
from edge_agent.capture.preview import BINS, Preview, encoded, focus, measured
from edge_agent.capture.preview_file import PreviewFile, Shown, read_preview
from edge_agent.clock import SYSTEM
from edge_agent.contracts.recipe import Camera as CameraRecipe
from edge_agent.contracts.recipe import Crop, Labels, Recipe
from tests.conftest import wait_for
from tests.simulators.clock import HandClock
from tests.simulators.line import GOOD, Bench, picture


def recipe(**camera: object) -> Recipe:
    labels = Labels(good="ok", defects=("scratch",))
    return Recipe(name="tile", labels=labels, camera=CameraRecipe.model_validate(camera))


def test_everything_is_measured_in_the_recipes_region() -> None:
    image = np.full((100, 200), 100, np.uint8)
    image[:, 100:] = 255
    image[:10, :100] = 0
    whole, part = measured(image, None), measured(image, recipe(crop=Crop(right=0.5)))
    assert (whole["width"], whole["height"], whole["crop"]) == (200, 100, [0.0, 0.0, 1.0, 1.0])
    assert (whole["white"], whole["black"], whole["guards"]) == (0.5, 0.05, None)
    assert (part["white"], part["black"], part["brightness"]) == (0.0, 0.1, 90.0)
    assert len(part["histogram"]) == BINS
    assert part["histogram"][100 // 4] == 1.0
    assert part["guards"]["brightness_max"] == 251.0


def test_the_number_falls_with_every_turn_away_from_focus_even_in_noise() -> None:
    random = np.random.default_rng(3)
    image = cv2.resize(random.integers(40, 200, (60, 80)).astype(np.uint8), (640, 480), interpolation=cv2.INTER_NEAREST)
    numbers = []
    for sigma in (0.5, 1.0, 2.0, 4.0, 8.0):
        noisy = cv2.GaussianBlur(image, (0, 0), sigma) + random.normal(0, 2, image.shape)
        numbers.append(focus(np.clip(noisy, 0, 255).astype(np.uint8)))
    assert all(sharper > 1.2 * softer for sharper, softer in itertools.pairwise(numbers[:4])), numbers


def test_large_pictures_travel_small_and_keep_their_shape() -> None:
    found = cv2.imdecode(np.frombuffer(encoded(np.zeros((1500, 2000, 3), np.uint8)), np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    assert found.shape == (720, 960, 3)


def test_what_is_written_is_read_and_a_half_written_picture_is_none(tmp_path: Path) -> None:
    path = tmp_path / "run" / "preview"
    assert read_preview(path) is None
    file = PreviewFile(path)
    for shown in (Shown({"index": 1}, b"long" * 100), Shown({"index": 2}, b"short")):
        file.write(shown)
        assert read_preview(path) == shown
    data = path.read_bytes()
    path.write_bytes(data[:20] + b"X" + data[21:])
    assert read_preview(path) is None
    path.write_bytes(data[:10])
    assert read_preview(path) is None
    file.close()
    assert not path.exists()


@pytest.mark.parametrize("times", [1, 3])
def test_pictures_are_made_while_somebody_looks_and_then_no_more(tmp_path: Path, times: int) -> None:
    hand, bench = HandClock(), Bench(live=True)
    camera = Camera(bench, SYSTEM)
    camera.start()
    preview, path = Preview(tmp_path / "preview", camera, hand.clock), tmp_path / "preview"
    before = threading.active_count()
    for _ in range(times):
        bench.show(picture(GOOD))
        preview.want(None)
        preview.want(recipe())
        wait_for(lambda: read_preview(path) is not None, 5, "a picture")
        assert threading.active_count() == before + 1
        hand.forward(10)
        wait_for(lambda: not path.exists() and threading.active_count() == before, 5, "the end of looking")
    bench.show(None)
    preview.want(None)
    wait_for(path.exists, 5, "another beginning")
    preview.close()
    assert not path.exists()
    camera.close()
