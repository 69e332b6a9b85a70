"""Labels on their way to other tools and back: no mask is lost, and what cannot be used is kept with its reason."""

import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.contracts.errors import Rejected
from trainer.cli import main
from trainer.labels.exchange import export_labels, import_labels
from trainer.labels.masks import brush, from_brush, from_compressed, from_polygons, from_run_lengths, run_lengths
from trainer.labels.records import read_folder

KINDS = ["csv", "coco", "label-studio"]


@st.composite
def masks(draw):
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    values = draw(st.lists(st.integers(0, 1), min_size=height * width, max_size=height * width))
    return np.asarray(values, np.uint8).reshape(height, width)


@settings(max_examples=80, deadline=None)
@given(masks())
def test_a_mask_survives_run_lengths_and_the_brush(mask):
    height, width = mask.shape
    assert np.array_equal(from_run_lengths(run_lengths(mask), height, width), mask)
    assert np.array_equal(from_brush(brush(mask), height, width), mask)


def test_long_runs_are_packed_in_pieces():
    mask = np.zeros((400, 400), np.uint8)
    mask[100:300, 50:350] = 1
    assert np.array_equal(from_brush(brush(mask), 400, 400), mask)
    assert len(brush(mask)) < 5000


def test_compressed_run_lengths_of_coco_are_read():
    assert run_lengths(from_compressed("52202", 3, 5)) == [5, 2, 2, 2, 4]
    assert from_compressed("hb0", 20, 30).sum() == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: from_run_lengths([1, 2], 2, 2),
        lambda: from_run_lengths([-1, 5], 2, 2),
        lambda: from_compressed("5\x01", 2, 2),
        lambda: from_polygons([[1, 1, 2, 2]], 4, 4),
        lambda: from_polygons([[1, 1, 2, float("nan"), 3, 3]], 4, 4),
        lambda: from_brush([], 2, 2),
        lambda: from_brush(brush(np.ones((2, 2), np.uint8))[:-2], 2, 2),
        lambda: from_brush(brush(np.ones((2, 2), np.uint8)), 3, 3),
        lambda: from_brush([300], 2, 2),
    ],
)
def test_damaged_masks_are_refused(call):
    with pytest.raises(Rejected):
        call()


@pytest.fixture
def folder(tmp_path):
    """Four pictures: a defect with a mask, one without, a good one, and a good one whose mask is known to be empty."""
    made = tmp_path / "parts"
    (made / "images").mkdir(parents=True)
    (made / "masks").mkdir()
    for number in range(4):
        cv2.imwrite(str(made / "images" / f"{number}.png"), np.full((20, 30), 40 * number, np.uint8))
    mask = np.zeros((20, 30), np.uint8)
    mask[3:9, 4:17] = 255
    mask[0, 29] = 255
    cv2.imwrite(str(made / "masks" / "0.png"), mask)
    cv2.imwrite(str(made / "masks" / "3.png"), np.zeros((20, 30), np.uint8))
    rows = ["image,mask,part,exposure,label", "images/0.png,masks/0.png,p0,1,pit", "images/1.png,,p1,2,scratch"]
    rows += ["images/2.png,,p2,1,ok", "images/3.png,masks/3.png,p3,2,ok"]
    (made / "labels.csv").write_text("\n".join(rows) + "\n")
    return made


def same(one, other):
    assert (one.image, one.part, one.label, one.details) == (other.image, other.part, other.label, other.details)
    assert (one.mask is None) == (other.mask is None)
    assert one.mask is None or np.array_equal(one.mask, other.mask)


@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back_again_nothing_is_lost(folder, tmp_path, kind):
    before, _ = read_folder(folder)
    target = tmp_path / "labels.out"
    counted = export_labels(folder, target, kind)
    assert (counted["pictures"], counted["masks"], counted["refused"]) == (4, 1, [])
    first = target.read_bytes()
    export_labels(folder, target, kind)
    assert target.read_bytes() == first
    (folder / "labels.csv").unlink()
    import_labels(target, folder, kind, "ok", False)
    after, refused = read_folder(folder)
    assert refused == []
    for one, other in zip(before, after, strict=True):
        same(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_that_cannot_be_used_is_kept_with_its_reason(folder, tmp_path, kind):
    target = tmp_path / "labels.out"
    export_labels(folder, target, kind)
    (folder / "images" / "2.png").unlink()
    (folder / "labels.csv").unlink()
    command = ["labels", "import", str(target), str(folder), "--format", kind]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert "3 pictures, 1 of them with a mask" in done.output
    assert "no picture '2.png'" in done.output
    (kept,) = json.loads((folder / "quarantine.json").read_text())
    assert "no picture '2.png'" in kept["reason"]
    again = CliRunner().invoke(main, command)
    assert again.exit_code == 5
    assert "give --replace" in again.output
    assert CliRunner().invoke(main, [*command, "--replace"]).exit_code == 0


def test_polygons_several_annotations_and_foreign_names_become_one_mask(folder):
    square = [2, 2, 10, 2, 10, 10, 2, 10]
    image = {"id": 7, "file_name": "somewhere/else/0.png", "width": 30, "height": 20}
    drawn = [{"image_id": 7, "category_id": 1, "segmentation": [square]}]
    drawn.append({"image_id": 7, "category_id": 1, "segmentation": [[20, 12, 25, 12, 25, 17]]})
    content = {"images": [image, {"id": 8, "file_name": "1.png"}], "annotations": drawn}
    content["categories"] = [{"id": 1, "name": "pit"}]
    source = folder.parent / "coco.json"
    source.write_text(json.dumps(content))
    import_labels(source, folder, "coco", "fine", True)
    found, _ = read_folder(folder)
    assert [(one.image, one.part, one.label) for one in found] == [
        ("images/0.png", "images/0", "pit"),
        ("images/1.png", "images/1", "fine"),
    ]
    assert found[0].mask.sum() > 81
    assert found[0].mask[5, 5] == found[0].mask[13, 24] == 1


def _coco(**changed):
    annotation = {"image_id": 1, "category_id": 1, "segmentation": {"size": [20, 30], "counts": [600]}, **changed}
    two = {"image_id": 1, "category_id": 2, "segmentation": [[1, 1, 5, 1, 5, 5]]}
    images = [{"id": 1, "file_name": "0.png"}, {"id": 2, "file_name": "1.png"}]
    drawn = [annotation, two] if changed.pop("both", False) else [annotation]
    return {"images": images, "annotations": drawn, "categories": [{"id": 1, "name": "pit"}, {"id": 2, "name": "dent"}]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_coco(category_id=9), "category 9 is not defined"),
        (_coco(both=True), "annotations of dent, pit"),
        (_coco(image_id=5), "there is no such image"),
        (_coco(segmentation={"size": [9, 9], "counts": [81]}), "a mask of 9 x 9 for a picture of 30 x 20"),
        (_coco(segmentation={"size": [20, 30], "counts": [5]}), "run lengths of 5 pixels"),
        (_coco(segmentation=[[1, 2]]), "at least three points"),
    ],
)
def test_what_is_wrong_with_a_coco_record_is_said(folder, content, words):
    source = folder.parent / "coco.json"
    source.write_text(json.dumps(content))
    counted = import_labels(source, folder, "coco", "ok", True)
    assert len(counted["refused"]) == 1
    assert words in counted["refused"][0]["reason"]


def test_label_studio_polygons_skipped_tasks_and_uploaded_names(folder):
    size = {"original_width": 30, "original_height": 20}
    points = [[10, 10], [60, 10], [60, 60], [10, 60]]
    polygon = {"type": "polygonlabels", **size, "value": {"points": points, "polygonlabels": ["pit"]}}
    video = {"type": "videorectangle", "value": {}}
    tasks = [
        {"data": {"image": "/data/upload/3/a1b2c3d4-0.png"}, "annotations": [{"result": [polygon]}]},
        {"data": {"image": "1.png"}, "annotations": [{"was_cancelled": True, "result": []}]},
        {"data": {"image": "2.png"}, "annotations": []},
        {"data": {"image": "3.png"}, "annotations": [{"result": [video]}]},
    ]
    source = folder.parent / "tasks.json"
    source.write_text(json.dumps(tasks))
    counted = import_labels(source, folder, "label-studio", "ok", True)
    assert [one["reason"].split(";")[0] for one in counted["refused"]] == [
        "it was skipped",
        "nobody has labelled it",
        "a result of type 'videorectangle'",
    ]
    (one,), _ = read_folder(folder)
    assert (one.image, one.label) == ("images/0.png", "pit")
    assert one.mask[5, 10] == 1
    assert one.mask[18, 28] == 0


@pytest.mark.parametrize(("kind", "text"), [("coco", "[]"), ("label-studio", "{}"), ("csv", "a,b\n"), ("coco", "{")])
def test_another_kind_of_file_is_one_line(folder, kind, text):
    source = folder.parent / "x"
    source.write_text(text)
    done = CliRunner().invoke(main, ["labels", "import", str(source), str(folder), "--format", kind, "--replace"])
    assert done.exit_code == 3
    assert done.output.count("\n") == 1
