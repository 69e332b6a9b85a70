"""Models from bundles: loading, scoring, refusing."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Crop
from edge_agent.inference.champion import Champion, ModelError, load_model
from edge_agent.inference.heatmap import heatmap_png, overlay
from tests.simulators.line import SCRATCHED, TINY, TINY_2, altered_bundle, nan_graph, picture


def test_a_model_says_what_it_sees_and_where() -> None:
    model = load_model(BundleFolder(TINY), "generic", 1)
    inference = model.infer(model.prepare(picture(SCRATCHED)))
    assert sum(inference.probabilities) == pytest.approx(1.0)
    assert inference.score == pytest.approx(1.0 - inference.probabilities[0])
    assert (inference.label, inference.defect) == ("scratch", "scratch")
    assert inference.peak is not None
    assert 0.0 < inference.peak[0] < 1.0


def test_the_heatmap_of_a_padded_picture_shows_the_picture_alone(tmp_path: Path) -> None:
    changes = {"recipe__network__fit": "pad", "input__fit": "pad"}
    model = load_model(BundleFolder(altered_bundle(tmp_path / "b", **changes)), "generic", 1)
    whole = picture(SCRATCHED)
    frame = np.asarray(cv2.resize(whole, (30, 40), interpolation=cv2.INTER_AREA), np.uint8)
    seen = model.prepare(frame)
    assert np.array_equal(seen[:40, :30, 0], frame)
    everywhere, here = model.infer(seen), model.infer(seen, frame.shape)
    assert everywhere.heatmap is not None
    assert here.heatmap is not None
    assert everywhere.heatmap.shape == (6, 6)
    assert np.array_equal(here.heatmap, everywhere.heatmap[:5, :4])
    assert here.score == everywhere.score
    row, column = divmod(int(here.heatmap.argmax()), 4)
    assert here.peak == ((column + 0.5) / 4, (row + 0.5) / 5)


def test_golden_cases_come_out_as_promised() -> None:
    folder = BundleFolder(TINY)
    model = load_model(folder, "generic", 1)
    manifest = model.manifest
    for case in manifest.golden.cases:
        frame = cv2.imdecode(np.frombuffer(folder.read(case.picture), np.uint8), cv2.IMREAD_ANYCOLOR)
        inference = model.infer(model.prepare(np.asarray(frame, np.uint8)))
        expected = case.expected[model.variant.id]
        assert np.abs(np.subtract(inference.probabilities, expected)).max() <= manifest.golden.tolerance


def test_a_colour_camera_serves_a_grey_recipe() -> None:
    model = load_model(BundleFolder(TINY), "generic", 1)
    grey = picture(SCRATCHED)
    colour = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    assert np.array_equal(model.prepare(np.asarray(colour, np.uint8)), model.prepare(grey))


def test_nan_is_a_model_error(tmp_path: Path) -> None:
    model = load_model(BundleFolder(altered_bundle(tmp_path / "b", model=nan_graph())), "generic", 1)
    with pytest.raises(ModelError, match="no numbers"):
        model.infer(model.prepare(picture()))


def test_a_damaged_blob_never_reaches_the_runtime(tmp_path: Path) -> None:
    folder = BundleFolder(altered_bundle(tmp_path / "b"))
    blob = folder.path(folder.open().variant_for("generic").blob)
    data = bytearray(blob.read_bytes())
    data[100] ^= 1
    blob.write_bytes(data)
    with pytest.raises(Rejected, match="hashes to"):
        load_model(folder, "generic", 1)


def test_a_changed_manifest_is_refused_by_its_digest(tmp_path: Path) -> None:
    folder = BundleFolder(altered_bundle(tmp_path / "b"))
    true_id = folder.id
    manifest = folder.folder / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-1] + b" }")
    with pytest.raises(Rejected, match="expected"):
        load_model(folder, "generic", 1, true_id)


def test_a_recipe_of_another_size_is_refused(tmp_path: Path) -> None:
    bundle = altered_bundle(tmp_path / "b", recipe__network__height=64)
    with pytest.raises(Rejected, match="convert the model again"):
        load_model(BundleFolder(bundle), "generic", 1)


def test_the_champion_before_stays_warm() -> None:
    champion = Champion()
    first, second = (load_model(BundleFolder(folder), "generic", 1) for folder in (TINY, TINY_2))
    champion.take(first)
    champion.take(second)
    assert (champion.active, champion.warm) == (second, first)
    assert champion.loaded(first.bundle) is first
    champion.take(first)
    assert (champion.active, champion.warm) == (first, second)


def test_a_heatmap_is_laid_over_its_region() -> None:
    heatmap = np.zeros((4, 4), np.float32)
    heatmap[1, 2] = 1.0
    grey = cv2.imdecode(np.frombuffer(heatmap_png(heatmap), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert (grey.shape, int(grey[1, 2])) == ((4, 4), 255)
    base = np.full((80, 80), 100, np.uint8)
    out = overlay(base, np.asarray(grey, np.uint8), Crop(left=0.5))
    assert np.array_equal(out[:, :40], np.full((80, 40, 3), 100, np.uint8)), "nothing outside the crop"
    assert out[:, 40:].std() > 0


def test_the_manifest_of_the_fixture_is_current() -> None:
    assert json.loads((TINY / "manifest.json").read_bytes())["schema_version"] == 1
