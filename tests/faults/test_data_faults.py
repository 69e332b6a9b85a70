"""Numbered fault cases of the data's way into the pipeline: pictures nobody can read, and tables that are wrong."""

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
    splits,
    told,
    write_table,
)

pytestmark = pytest.mark.slow
PARTS = 40
TEN_THOUSAND = 10_000


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A folder of 40 parts and the artifacts of a run on it; its root is `good.root`."""
    base = tmp_path_factory.mktemp("good")
    rows = make_folder(base / "data", PARTS)
    return base / "data", base / "root", rows, run_data_steps([base / "data"], base / "root")


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
    from trainer.components.examples import pictures

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
from trainer.components.picture_check import check_folders
from trainer.pipeline.settings import find_recipe

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


@pytest.mark.fault("T05")
def test_a_column_that_the_eval_split_lacks_blocks_and_serving_may_lack_the_label(good, tmp_path):
    from trainer.components.example_validator import example_validator
    from trainer.components.examples import COLUMNS
    from trainer.components.statistics_gen import statistics_gen
    from trainer.pipeline.step import Context

    _, _, _, known = good
    examples, schema = known["ExampleGen.examples"].path, known["SchemaGen.schema"].path
    context = Context(tmp_path, lambda text, done: None)
    stripped, statistics, out = (tmp_path / name for name in ("examples", "statistics", "anomalies"))
    for folder in (statistics, out):
        folder.mkdir()
    for split in ("train", "eval"):
        _copy(examples, stripped, split, split, COLUMNS if split == "train" else set(COLUMNS) - {"label"})
    _copy(examples, tmp_path / "production", "test", "serving", set(COLUMNS) - {"label", "masked"})
    statistics_gen(stripped, statistics, [], 10**6, context)
    limits = dict.fromkeys(("drift_categorical", "drift_numeric", "skew_categorical", "skew_numeric"), 0)
    made = example_validator(
        stripped,
        statistics,
        schema,
        None,
        tmp_path / "production",
        out,
        "label",
        "ok",
        ["ok", "pit"],
        [],
        {**limits, "near_duplicates": "warn"},
        context,
    )
    lines = made["anomalies"]["reasons"]
    assert made["anomalies"]["blessed"] == 0
    assert next(line for line in lines if line.startswith("eval: label: ")).startswith(
        "eval: label: Column is completely missing; add the column, or accept it: trainer schema accept --root ROOT "
        "--feature label --optional"
    )
    assert not [line for line in lines if line.startswith(("serving", "train"))]


def _copy(examples, target, split, name, columns):
    """Copy a split's records with these columns alone."""
    import tensorflow as tf

    folder = target / f"Split-{name}"
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "data_tfrecord-00000-of-00001")) as writer:
        for shard in sorted((examples / f"Split-{split}").iterdir()):
            for record in tf.data.TFRecordDataset([str(shard)]).as_numpy_iterator():
                example = tf.train.Example.FromString(record)
                for feature in set(example.features.feature) - {*columns}:
                    del example.features.feature[feature]
                writer.write(example.SerializeToString())


@pytest.mark.fault("T06")
def test_text_in_any_dress_is_read_and_no_number_becomes_a_label_in_silence(tmp_path):
    rows = make_folder(tmp_path / "data", PARTS)
    for place, value in ((2, "NaN"), (4, "1e400"), (6, "-inf")):
        rows[place]["label"] = value
    rows[8]["part"] = "two\nlines"
    write_table(tmp_path / "data", rows)
    table = tmp_path / "data" / "labels.csv"
    table.write_bytes(table.read_text().encode("utf-16"))
    known = run_data_steps([tmp_path / "data"], tmp_path / "root")
    assert "two\nlines" in splits(known)
    blocking = "\n".join(told(known)["blocking"])
    for value in ("NaN", "1e400", "-inf"):
        assert f"label '{value}' in 1 records" in blocking


@pytest.mark.fault("T07")
def test_an_unseen_label_blocks_with_count_and_names_until_the_command_it_names_is_typed(good, tmp_path):
    from click.testing import CliRunner

    from trainer.cli import main

    folder, _, rows, _ = good
    changed = [dict(row) for row in rows]
    for place in (2, 3, 4):
        changed[place]["label"] = "dent2"
    other = tmp_path / "data"
    other.mkdir()
    _link(folder / "images", other / "images")
    write_table(other, changed)
    root = tmp_path / "root"
    known = run_data_steps([other], root)
    (line, *_) = [one for one in told(known)["blocking"] if "dent2" in one]
    assert "label 'dent2' in " in line
    assert "images/2.png, images/3.png" in line
    command = "trainer schema accept --root ROOT --feature label --value dent2"
    assert command in line
    assert not known["ExampleValidator.anomalies"].blessed
    _note_run(root, known)
    typed = command.replace("ROOT", str(root)).split()[1:]
    done = CliRunner().invoke(main, typed)
    assert "label: value 'dent2' accepted" in done.output
    again = run_data_steps([other], root)
    assert "ImportSchemaGen.schema" in again
    after = told(again)["blocking"]
    assert len(after) == 1
    assert "label: 'dent2' in 3 records is not in the recipe" in after[0]


def _link(source, target):
    target.mkdir()
    for file in source.iterdir():
        os.link(file, target / file.name)


def _note_run(root, known):
    """Write the record that a run would have left."""
    from tests.simulators.data_steps import RECIPE, SMALL
    from trainer.pipeline.runs import RunRecord, Runs, StepRecord

    outputs = {"SchemaGen": "schema", "ExampleValidator": "anomalies", "StatisticsGen": "statistics"}
    steps = [StepRecord(step, "done", outputs={name: known[f"{step}.{name}"].digest}) for step, name in outputs.items()]
    arguments = {"recipe": RECIPE, "assignments": list(SMALL)}
    Runs(root).save(RunRecord("20260101-000000", RECIPE, 1000, "failed", arguments=arguments, steps=steps))


@pytest.mark.fault("T08")
def test_parts_in_two_imported_splits_block_and_are_named(good, tmp_path):
    folder, _, rows, _ = good
    wanted = [{**row, "split": "train" if int(row["part"][1:]) % 5 else "test"} for row in rows]
    other = tmp_path / "data"
    other.mkdir()
    _link(folder / "images", other / "images")
    wanted[2]["split"], wanted[9]["split"] = "eval", "test"
    write_table(other, wanted)
    known = run_data_steps([other], tmp_path / "root")
    (line,) = told(known)["blocking"]
    assert line.startswith("part: 2 parts have pictures in two splits or more (p1, p4)")
    assert splits(known)["p5"] == "test"
    assert splits(known)["p2"] == "train"


@pytest.mark.fault("T10")
def test_a_constant_or_empty_column_is_a_warning(tmp_path):
    folder = tmp_path / "data"
    rows = make_folder(folder, PARTS, lot="", station="A")
    for row in rows:
        flat = np.full((32, 32), 90, np.uint8)
        flat[0, int(row["image"][7:-4]) % 32] = 91
        (folder / row["image"]).write_bytes(encoded(flat))
    write_table(folder, rows)
    known = run_data_steps([folder], tmp_path / "root", last="Transform")
    warnings = told(known)["warnings"]
    assert known["ExampleValidator.anomalies"].blessed
    assert "lot is empty in every record; fill it or leave the column out" in warnings
    assert "train: brightness is 90 in every record: nothing can be learned from it" in warnings
    assert not [line for line in warnings if "station" in line]
    from trainer.components.examples import columns
    from trainer.components.transform import apply

    found = apply(known["Transform.transform_graph"].path, columns(known["ExampleGen.examples"].path, "test"))
    assert np.isfinite(found["quality"]).all()
