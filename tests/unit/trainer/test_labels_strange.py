"""Files of labelling tools with strange names and damaged records, and what several people said in one."""

import json
import unicodedata
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edge_agent.contracts.errors import Rejected
from trainer.cli import main
from trainer.labels.exchange import export_labels, import_labels
from trainer.labels.opinions import read_opinions
from trainer.labels.records import Places, read_folder

KINDS = ["csv", "coco", "label-studio"]
STRANGE = ["Teil ä#1 %41&b.png", "ре́зьба.png", "a b?c.png"]


@pytest.fixture
def folder(tmp_path):
    """Four pictures of 30 x 20 without a table."""
    made = tmp_path / "parts"
    (made / "images").mkdir(parents=True)
    for number in range(4):
        cv2.imwrite(str(made / "images" / f"{number}.png"), np.full((20, 30), 40 * number, np.uint8))
    return made


def _coco(segmentation):
    """A data set of two pictures, the first with one annotation."""
    images = [{"id": 1, "file_name": "0.png"}, {"id": 2, "file_name": "1.png"}]
    drawn = [{"image_id": 1, "category_id": 1, "segmentation": segmentation}]
    return {"images": images, "annotations": drawn, "categories": [{"id": 1, "name": "pit"}]}


@pytest.mark.parametrize("kind", KINDS)
def test_strange_names_and_labels_go_there_and_back(tmp_path, kind):
    made = tmp_path / "teile"
    made.mkdir()
    for name in STRANGE:
        (made / name).write_bytes(cv2.imencode(".png", np.full((8, 9), 90, np.uint8))[1].tobytes())
    rows = [f'"{name}",p{number},"Riß ""<&"' for number, name in enumerate(STRANGE)]
    (made / "labels.csv").write_text("image,part,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    target = tmp_path / "labels.out"
    export_labels(made, target, kind)
    assert import_labels(target, made, kind, "ok", True)["refused"] == []
    found, _ = read_folder(made)
    assert [one.image for one in found] == STRANGE
    assert {one.label for one in found} == {'Riß "<&'}
    if kind == "label-studio":
        tree = ElementTree.parse(target.with_suffix(".xml"))
        assert {one.get("value") for one in tree.iter("Choice")} == {'Riß "<&'}


def test_names_of_windows_and_of_other_code_points_are_found_and_none_outside(folder):
    (folder / "images" / "Nut ä.png").write_bytes((folder / "images" / "0.png").read_bytes())
    outside = folder.parent / "secret.png"
    outside.write_bytes((folder / "images" / "0.png").read_bytes())
    places = Places(folder)
    assert places.find("D:\\lines\\images\\1.png") == "images/1.png"
    assert places.find(unicodedata.normalize("NFD", "x/Nut ä.png")) == "images/Nut ä.png"
    assert places.find("/data/local-files/?d=images/Nut%20%C3%A4.png") == "images/Nut ä.png"
    for name in ("../secret.png", str(outside), "images/../../secret.png", "%2e%2e/secret.png", "", "."):
        with pytest.raises(Rejected, match="no picture"):
            places.find(name)


@pytest.mark.parametrize(
    "content",
    [
        {"images": [5, {"id": [1], "file_name": "0.png"}], "annotations": [7], "categories": ["pit", {"id": {}}]},
        _coco(segmentation={"size": [20, 30], "counts": [2**62] * 4 + [600]}),
        _coco(segmentation={"size": [20, 30], "counts": [1e30]}),
        _coco(segmentation={"size": [20], "counts": [600]}),
        _coco(segmentation={"size": [20, 30], "counts": "o" * 4000}),
        _coco(segmentation=[[1e300, 0, 5, 5, 0, 5]]),
        _coco(segmentation=["x", 3]),
        _coco(segmentation=[[None] * 6]),
    ],
)
def test_no_record_of_a_coco_file_ends_the_import(folder, content):
    source = folder.parent / "coco.json"
    source.write_text(json.dumps(content))
    counted = import_labels(source, folder, "coco", "ok", True)
    assert counted["pictures"] == 1
    assert counted["refused"]


@pytest.mark.parametrize(
    "task",
    [
        {"data": "0.png", "annotations": [{"result": []}]},
        {"data": {"image": "0.png"}, "annotations": [5]},
        {"data": {"image": "0.png"}, "annotations": [{"result": [{"type": "brushlabels", "value": {}}]}]},
        {"data": {"image": "0.png"}, "annotations": [{"result": [{"type": "choices", "value": {"choices": 3}}]}]},
        {"data": {"image": "0.png"}, "annotations": {"result": []}},
    ],
)
def test_no_task_of_label_studio_ends_the_import(folder, task):
    good = {"data": {"image": "1.png"}, "annotations": [{"result": []}]}
    source = folder.parent / "tasks.json"
    source.write_text(json.dumps([task, good]))
    counted = import_labels(source, folder, "label-studio", "ok", True)
    assert (counted["pictures"], len(counted["refused"])) == (1, 1)


def test_two_coco_files_put_together_lose_no_defect_in_silence(folder):
    content = _coco([[1, 1, 9, 1, 9, 9]])
    content["images"] += [{"id": 1, "file_name": "2.png"}, {"file_name": "3.png"}]
    made = _imported(folder, content)
    assert {one["where"]: one["reason"] for one in made["refused"]} == {
        "0.png": "2 images have the id 1; give each its own",
        "2.png": "2 images have the id 1; give each its own",
        "3.png": "'id' is missing",
    }
    assert [(one.image, one.label) for one in read_folder(folder)[0]] == [("images/1.png", "ok")]
    content = _coco([[1, 1, 9, 1, 9, 9]])
    content["categories"].append({"id": 1, "name": "dent"})
    (refused,) = _imported(folder, content)["refused"]
    assert refused["reason"] == "category 1 is dent and pit; give each its own id"


def test_a_category_that_was_changed_in_the_other_tool_is_the_label(folder):
    drawn = np.zeros((20, 30), np.uint8)
    drawn[4:9, 5:9] = 255
    (folder / "masks").mkdir()
    cv2.imwrite(str(folder / "masks" / "0.png"), drawn)
    (folder / "labels.csv").write_text("image,mask,part,label\nimages/0.png,masks/0.png,p,pit\nimages/1.png,,q,dent\n")
    export_labels(folder, folder / "coco.json", "coco")
    content = json.loads((folder / "coco.json").read_text())
    for one in content["categories"]:
        one["name"] = {"pit": "stain"}.get(one["name"], one["name"])
    assert _imported(folder, content)["refused"] == []
    assert [(one.part, one.label) for one in read_folder(folder)[0]] == [("p", "stain"), ("q", "dent")]
    content["annotations"] = []
    _imported(folder, content)
    assert [(one.part, one.label) for one in read_folder(folder)[0]] == [("p", "ok"), ("q", "dent")]


def _imported(folder, content):
    source = folder / "other.json"
    source.write_text(json.dumps(content))
    return import_labels(source, folder, "coco", "ok", True)


def test_what_several_people_said_in_label_studio_is_kept_for_the_agreement(folder):
    def said(who, label):
        choice = {"type": "choices", "value": {"choices": [label]}}
        return {"completed_by": who, "result": [choice], "created_at": "2026-01-01T00:00:00Z"}

    anna, bert = {"id": 1, "email": "anna@plant"}, {"id": 2, "email": "bert@plant"}
    tasks = [
        {"data": {"image": f"{n}.png"}, "annotations": [said(anna, "pit"), said(bert, "pit" if n else "ok")]}
        for n in range(3)
    ]
    source = folder.parent / "tasks.json"
    source.write_text(json.dumps(tasks))
    done = CliRunner().invoke(
        main, ["labels", "import", str(source), str(folder), "--format", "label-studio", "--replace"]
    )
    assert "what 2 people said is in labellers.csv" in done.output
    found = json.loads(CliRunner().invoke(main, ["labels", "agreement", str(folder), "--json"]).output)
    assert [one["name"] for one in found["labellers"]] == ["anna@plant", "bert@plant"]
    assert [one["image"] for one in found["disputed"]] == ["images/0.png"]
    tasks[0]["annotations"][0]["result"] += said(anna, "ok")["result"]
    source.write_text(json.dumps(tasks))
    import_labels(source, folder, "label-studio", "ok", True)
    assert read_opinions(folder).said["images/0.png"] == {"bert@plant": "ok"}, "one of two labels says nothing"
    for task in tasks:
        del task["annotations"][0]
    source.write_text(json.dumps(tasks))
    assert import_labels(source, folder, "label-studio", "ok", True)["labellers"] == 0
    assert {name for one in read_opinions(folder).said.values() for name in one} == {"bert@plant"}, "what holds now"
