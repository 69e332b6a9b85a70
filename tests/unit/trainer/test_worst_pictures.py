"""The pictures that a model is most wrong about, as the page shows them."""

import cv2
import numpy as np
import pytest

from edge_agent.contracts.recipe import Recipe
from trainer.evaluation.answers import Answers
from trainer.evaluation.verdict import candidate
from trainer.evaluation.worst import write_worst
from trainer.vision.data import Pictures

RECIPE = Recipe(name="tile", labels={"good": "ok", "defects": ["pit"]}, views={"count": 2})
PARTS = [f"p{n // 2}" for n in range(16)]
LABELS = np.asarray([n // 8 for n in range(16)], np.int64)


@pytest.mark.parametrize(
    ("height", "width", "panel"), [(48, 64, (240, 644)), (96, 48, (320, 324)), (640, 320, (320, 324))]
)
def test_each_part_is_shown_once_large_enough_and_with_its_verdict(tmp_path, height, width, panel):
    rng = np.random.default_rng(1)
    images = rng.integers(60, 120, (16, height, width, 1), dtype=np.uint8)
    masks = np.zeros((16, height, width), np.uint8)
    masks[8:, height // 3 : height // 2, width // 3 : width // 2] = 1
    pictures = Pictures(images, LABELS, tuple(PARTS), masks, np.ones(16, bool))
    known = Answers(tuple(PARTS), LABELS, np.zeros((16, 2)))
    logits = np.stack([np.zeros(16), np.where(LABELS > 0, 2.0, -2.0) + rng.normal(0, 0.1, 16)], axis=1)
    model = candidate({"eval": logits, "test": logits}, {"eval": known, "test": known}, RECIPE, None)
    heatmaps = rng.random((16, 6, 8)).astype(np.float32)
    found = write_worst(pictures, model, heatmaps, RECIPE, tmp_path / "errors")
    assert [one["kind"] for one in found] == ["missed"] * 4 + ["false alarm"] * 4
    assert len({one["part"] for one in found}) == 8
    scores = [one["score"] for one in found]
    assert scores[:4] == sorted(scores[:4])
    assert scores[4:] == sorted(scores[4:], reverse=True)
    assert {one["verdict"] for one in found} <= {"accept", "review", "reject"}
    for one in found:
        shown = cv2.imread(str(tmp_path / one["file"]))
        assert shown.shape[:2] == panel
    first = (tmp_path / found[0]["file"]).read_bytes()
    (tmp_path / "again").mkdir()
    write_worst(pictures, model, heatmaps, RECIPE, tmp_path / "again" / "errors")
    assert (tmp_path / "again" / found[0]["file"]).read_bytes() == first
