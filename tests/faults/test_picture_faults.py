"""Numbered fault cases of the data's way into the pipeline: pictures that nobody can read."""

import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edge_agent.contracts.errors import Rejected
from tests.simulators.data_steps import (
    encoded,
    make_folder,
    picture,
    png_header,
    quarantine,
    run_data_steps,
    write_table,
)

pytestmark = pytest.mark.slow
PARTS = 40
TEN_THOUSAND = 10_000


def _saved(image, form, **settings):
    out = io.BytesIO()
    image.save(out, form, **settings)
    return out.getvalue()


def _rotated():
    """A JPEG that is dark on its left half, stored so that EXIF turns it: as seen, its upper half is dark."""
    pixels = np.full((64, 64), 220, np.uint8)
    pixels[:, :32] = 20
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[274] = 6
    return _saved(image, "JPEG", exif=exif, quality=95)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A folder with every kind of picture that is set aside, and every kind that is made usual; and its artifacts."""
    base = tmp_path_factory.mktemp("mixed")
    folder = base / "data"
    rows = make_folder(folder, PARTS)
    images = folder / "images"
    whole = encoded(picture(1), ".jpg")
    colour = Image.fromarray(np.random.default_rng(4).integers(0, 255, (40, 40, 3), np.uint8))
    usual = {
        0: encoded(picture(1000), ".jpg"),
        1: encoded(picture(1001).astype(np.uint16) * 257),
        2: _saved(colour.convert("CMYK"), "JPEG"),
        3: _rotated(),
        4: _saved(colour.convert("P"), "PNG"),
    }
    bad = {
        10: whole[: len(whole) // 2],
        11: encoded(picture(11))[:300],
        12: png_header(60_000, 60_000),
        13: b"",
        14: b"no picture at all",
        15: _saved(colour, "GIF", save_all=True, append_images=[colour]),
        16: _saved(colour, "WEBP", save_all=True, append_images=[colour]),
    }
    for number, data in (usual | bad).items():
        (images / f"{number}.png").write_bytes(data)
    for number in (20, 21, 22, 23):
        (images / f"{number}.png").unlink()
    (images / "20.png").mkdir()
    os.mkfifo(images / "22.png")
    (base / "secret.png").write_bytes(encoded(picture(5000)))
    (images / "23.png").symlink_to(base / "secret.png")
    rows[30]["mask"] = "images/13.png"
    write_table(folder, rows)
    return folder, run_data_steps([folder], base / "root", "max_bad=0.2")


@pytest.mark.fault("T01")
@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (10, "cut off"),
        (11, "cut off"),
        (12, "claims 60000 x 60000 pixels"),
        (13, "(0 bytes)"),
        (14, "expected JPEG, PNG, BMP or TIFF"),
        (15, "expected JPEG, PNG, BMP or TIFF"),
        (16, "expected JPEG, PNG, BMP or TIFF"),
        (20, "not a file"),
        (21, "No such file"),
        (22, "not a file"),
        (23, "leads outside the folder by a link"),
        (30, "its mask images/13.png: not a readable picture (0 bytes)"),
    ],
)
def test_a_bad_picture_is_set_aside_with_path_digest_and_reason(mixed, number, reason):
    folder, known = mixed
    path = f"images/{number}.png"
    entry = quarantine(known)[path]
    assert reason in entry["reason"]
    readable = (folder / path).is_file()
    assert len(entry["sha256"]) == (64 if readable else 0)


@pytest.mark.fault("T02")
def test_unusual_pictures_are_found_by_content_made_usual_and_counted(mixed):
    _, known = mixed
    properties = known["ExampleGen.examples"].properties
    assert json.loads(properties["normalised"]) == {
        "16 bit": 1,
        "CMYK": 1,
        "misnamed": 3,
        "palette": 1,
        "rotated by EXIF": 1,
    }
    assert properties["quarantined"] == 12
    assert sum(properties[f"pictures_{split}"] for split in ("train", "eval", "test")) == 2 * PARTS - 12
    from trainer.data.picture_columns import pictures

    seen = {}
    for split in ("train", "eval", "test"):
        found = pictures(known["ExampleGen.examples"].path, split, (32, 32, 1))
        seen |= dict(zip(found.texts("name"), found.images[:, :, :, 0].astype(float), strict=True))
    turned = seen["images/3.png"]
    assert turned[:12].mean() < 60
    assert turned[20:].mean() > 180
    sixteen = cv2.resize(picture(1001), (32, 32)).astype(float)
    assert np.abs(seen["images/1.png"] - sixteen).max() <= 1


_AS_SOMEBODY = """
import json, os, sys
from pathlib import Path
from edge_agent.contracts.recipe import load_recipe
from trainer.data.picture_check import check_folders
from trainer.pipeline.recipes import find_recipe

folder, recipe = [Path(sys.argv[1])], load_recipe(find_recipe("machined-surface"))
check_folders(folder, recipe, lambda text, done: None)
(folder[0] / "images" / "0.png").chmod(0)
if os.getuid() == 0:
    os.setuid(65534)
print(json.dumps(check_folders(folder, recipe, lambda text, done: None)["bad"]))
"""


@pytest.mark.fault("T01")
def test_what_a_user_may_not_read_is_set_aside():
    """Root may read everything: where the tests run as root, the look is taken as somebody else."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        make_folder(Path(place) / "data", 4)
        command = [sys.executable, "-c", _AS_SOMEBODY, str(Path(place) / "data")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads(done.stdout)
    assert (entry["path"], entry["sha256"]) == ("images/0.png", "")
    assert "Permission denied" in entry["reason"]


@pytest.mark.fault("T01")
def test_above_the_limit_nothing_is_published_and_the_check_exits_with_3(tmp_path):
    rows = make_folder(tmp_path / "data", 4)
    (tmp_path / "data" / rows[3]["image"]).write_bytes(b"")
    with pytest.raises(Rejected, match=r"1 of 8 pictures are bad, more than max_bad 0\.10% allows.*data check"):
        run_data_steps([tmp_path / "data"], tmp_path / "root")
    command = [str(Path(sys.executable).with_name("trainer")), "data", "check", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "empty" in done.stdout
    assert [line for line in done.stderr.splitlines() if line.startswith("trainer: 1 of 8 pictures are bad")]
    tolerant = subprocess.run([*command, "--max-bad", "0.2"], capture_output=True, text=True, check=False)
    assert tolerant.returncode == 0


@pytest.mark.fault("T03")
def test_a_header_that_claims_too_much_is_refused_in_bounded_memory(tmp_path):
    rows = make_folder(tmp_path / "data", 4)
    (tmp_path / "data" / rows[0]["image"]).write_bytes(png_header(60_000, 60_000))
    limit = 2 << 30
    command = [str(Path(sys.executable).with_name("trainer")), "data", "check", str(tmp_path / "data"), "--json"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["kinds"] == {"too large": 1}
    assert found["pictures"] == 7


@pytest.mark.fault("T01")
def test_no_run_dies_of_one_bad_record_among_ten_thousand(tmp_path):
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    noise = np.random.default_rng(8).integers(0, 255, (TEN_THOUSAND, 6, 6), np.uint8)
    rows = ["image,part,label"]
    for number in range(TEN_THOUSAND):
        (folder / "images" / f"{number}.bmp").write_bytes(cv2.imencode(".bmp", noise[number])[1].tobytes())
        rows.append(f"images/{number}.bmp,p{number // 2},{'ok' if number // 2 % 9 else 'pit'}")
    (folder / "images" / "77.bmp").write_bytes(b"BM")
    (folder / "labels.csv").write_text("\n".join([*rows, 'images/x.bmp,"p,ok', "images/y.bmp,p"]) + "\n")
    started = time.monotonic()
    known = run_data_steps([folder], tmp_path / "root", last="ExampleGen")
    assert time.monotonic() - started < 300
    assert set(quarantine(known)) == {
        "images/77.bmp",
        f"labels.csv:{TEN_THOUSAND + 2}",
        f"labels.csv:{TEN_THOUSAND + 3}",
    }
    properties = known["ExampleGen.examples"].properties
    assert sum(properties[f"pictures_{split}"] for split in ("train", "eval", "test")) == TEN_THOUSAND - 1
