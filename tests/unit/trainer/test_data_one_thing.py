"""Parts that show one thing under several names: found from the pictures, and kept in one split."""

import cv2
import pytest

from edge_agent.contracts.encoding import digest_file
from edge_agent.contracts.recipe import Recipe
from trainer.components.example_gen import one_thing
from trainer.pipeline.step import Context
from trainer.samples.generate import sample_part

RECIPE = Recipe.model_validate({"name": "test", "labels": {"good": "ok", "defects": ["scratch"]}})
PARTS = 34


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """34 sample parts, of which one is there again recompressed, one again as it is, and one as damaged file."""
    folder = tmp_path_factory.mktemp("parts")
    frames = {f"p{n:02}": sample_part(5, n, frames=1).frames[0] for n in range(PARTS)}
    for name, frame in frames.items():
        cv2.imwrite(str(folder / f"{name}.png"), frame)
    cv2.imwrite(str(folder / "again.jpg"), frames["p07"], [cv2.IMWRITE_JPEG_QUALITY, 80])
    (folder / "same.png").write_bytes((folder / "p03.png").read_bytes())
    (folder / "damaged.png").write_bytes((folder / "p04.png").read_bytes()[:200])
    return folder


def rows_of(folder):
    found = []
    for path in sorted(folder.iterdir()):
        part = {"again": "p90", "same": "p91", "damaged": "p92"}.get(path.stem, path.stem)
        row = {"folder": 0, "image": path.name, "mask": "", "part": part, "label": "ok", "split": "", "mask_sha256": ""}
        found.append({**row, "sha256": digest_file(path)})
    return found


def test_a_part_under_another_name_is_found_copied_or_recompressed(folder, tmp_path):
    told = []
    context = Context(tmp_path, lambda text, done: told.append(text))
    group = one_thing(rows_of(folder), [folder.resolve()], RECIPE, context)
    assert group == {"p07": "p07", "p90": "p07", "p03": "p03", "p91": "p03"}


def test_a_table_without_repeats_has_no_groups(folder, tmp_path):
    rows = [row for row in rows_of(folder) if row["image"].startswith("p")]
    assert one_thing(rows, [folder.resolve()], RECIPE, Context(tmp_path, lambda text, done: None)) == {}
