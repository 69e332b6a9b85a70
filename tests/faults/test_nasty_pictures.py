"""Folders of pictures that are wrong in ways that no single file shows: nothing of it passes in silence."""

import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from tests.simulators.data_steps import encoded, make_folder, picture, quarantine, run_data_steps, told, write_table
from trainer.cli import main

PARTS = 40
pytestmark = pytest.mark.slow


def _mask(height, width, value):
    drawn = np.zeros((height, width), np.uint8)
    drawn[height // 4 : height // 2, width // 4 : width // 2] = value
    return encoded(drawn)


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Pictures of two sizes, grey and in colour, with masks of every wrong kind, blanks around labels, two labels."""
    base = tmp_path_factory.mktemp("odd")
    folder = base / "data"
    rows = make_folder(folder, PARTS)
    (folder / "masks").mkdir()
    for number in range(0, 20, 2):
        colour = cv2.cvtColor(picture(number, side=64), cv2.COLOR_GRAY2BGR)
        (folder / "images" / f"{number}.png").write_bytes(encoded(colour))
    drawn = {
        0: _mask(32, 32, 255),
        8: _mask(32, 64, 255),
        9: _mask(32, 32, 1),
        16: _mask(32, 32, 0),
        2: _mask(16, 16, 255),
    }
    for number, mask in drawn.items():
        rows[number]["mask"] = f"masks/{number}.png"
        (folder / rows[number]["mask"]).write_bytes(mask)
    for number in (4, 5):
        rows[number]["label"] = " pit  "
        rows[number]["part"] += " "
    rows[24]["label"], rows[25]["label"] = "pit", "dent"
    rows[30]["label"] = "Pit"
    write_table(folder, rows)
    return folder, run_data_steps([folder], base / "root", "max_bad=0.1")


def test_masks_that_say_nothing_set_their_picture_aside(odd):
    reasons = {path: one["reason"] for path, one in quarantine(odd[1]).items()}
    assert set(reasons) == {"images/8.png", "images/9.png"}
    assert "64 x 32 pixels, of another shape than the picture's" in reasons["images/8.png"]
    assert "its brightest value is 1, and above 127 marks a defect" in reasons["images/9.png"]


def test_what_is_odd_is_told_by_the_run_and_by_the_check(odd):
    folder, known = odd
    reasons = known["ExampleGen.examples"].properties["reasons"]
    expected = [
        "pictures come in 2 sizes (69 of 32 x 32, 9 of 64 x 64)",
        "9 pictures are in colour and 69 are grey",
        "20 of 21 defective pictures have no mask or an empty one",
        "1 good pictures have a mask that marks something",
        "1 parts have pictures with several kinds of defect (p12)",
    ]
    for words in expected:
        assert [line for line in reasons if line.startswith(words)], (words, reasons)
    done = CliRunner().invoke(main, ["data", "check", str(folder), "--max-bad", "0.1", "--json"])
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["odd"] == [line for line in reasons if "quarantined" not in line]
    assert said["kinds"] == {"mask": 2}


def test_blanks_around_labels_are_no_other_label_and_another_case_blocks(odd):
    blocking = told(odd[1])["blocking"]
    assert [line for line in blocking if "'Pit' in 1 records" in line]
    assert not [line for line in blocking if "pit  " in line]


def test_pictures_are_split_by_their_own_hash(tmp_path):
    rows = make_folder(tmp_path / "data", PARTS)
    settings = ("example_gen.split=by-hash",)
    known = run_data_steps([tmp_path / "data"], tmp_path / "root", *settings)
    assert known["ExampleValidator.anomalies"].blessed
    (line,) = [line for line in told(known)["warnings"] if line.startswith("part: ")]
    assert "as example_gen.split by-hash asks" in line
    write_table(tmp_path / "data", rows[::-1])
    again = run_data_steps([tmp_path / "data"], tmp_path / "again", *settings, last="ExampleGen")
    where = [
        {
            one["image"]: one["split"]
            for one in json.loads((made["ExampleGen.examples"].path / "pictures.json").read_text())
        }
        for made in (known, again)
    ]
    assert where[0] == where[1]
    assert set(where[0].values()) == {"train", "eval", "test"}
