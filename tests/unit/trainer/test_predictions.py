import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.contracts.bundle import ThresholdPair
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.row import RowColumn, RowContract
from trainer.components.bulk_inferrer import bulk_inferrer
from trainer.delivery import history
from trainer.pipeline.step import Context
from trainer.predictions.job import Wishes, predict, with_parts
from trainer.predictions.latest import latest_bundle
from trainer.predictions.listing import content_digest, files_digest, list_pictures
from trainer.predictions.rows import read_table
from trainer.predictions.scoring import open_model, score_pictures, verdict_of
from trainer.predictions.tables import check_format, write_table

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
TINY = FIXTURES / "bundles" / "tiny-v1"


@pytest.fixture
def parts(tmp_path):
    """A folder of pictures with their table, of which one is no picture and one line is torn."""
    folder = tmp_path / "parts"
    shutil.copytree(FIXTURES / "parts", folder)
    rows = list(csv.DictReader((folder / "labels.csv").read_text().splitlines()))
    (folder / rows[2]["image"]).write_bytes(b"no picture")
    lines = ["image,part", *(f"{row['image']},{row['part']}" for row in rows), "images/torn.png", "../outside.png,p"]
    (folder / "labels.csv").write_text("\n".join([*lines, "images/gone.png,p9"]) + "\n")
    return folder


def run(source, out, work, **wishes):
    said = []
    made = predict(
        open_model(TINY), source, out, work, Wishes(**wishes), lambda text, share: said.append((text, share))
    )
    return made, said


def test_what_cannot_be_read_is_set_aside_and_the_rest_predicted(parts, tmp_path):
    count = len(list_pictures(parts).pictures)
    out = tmp_path / "out" / "predictions.csv"
    made, said = run(parts, out, tmp_path / "work", batch=5, max_bad=0.5)
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("part", "image", "label", "score", "verdict", "p_ok", "p_scratch", "p_pit", "peak_x", "peak_y"),
        *("part_score", "part_verdict"),
    ]
    assert len(rows) == made["pictures"] == count - 2
    with out.with_name("predictions.csv.bad.csv").open(newline="") as file:
        bad = {row["place"]: row["reason"] for row in csv.DictReader(file)}
    assert bad["labels.csv:" + str(count + 1)] == "1 fields, expected 2"
    assert "path inside the folder" in bad["labels.csv:" + str(count + 2)]
    assert "cannot be read" in bad["images/gone.png"]
    assert made["bad"] == len(bad) == 4
    assert sum(made["verdicts"].values()) == made["parts"] == len({row["part"] for row in rows})
    assert said[-1] == (f"{count} of {count}", 1.0)
    assert not (tmp_path / "work").exists()
    first = out.read_bytes()
    assert run(parts, out, tmp_path / "work", batch=512, max_bad=0.5)[0] == made
    assert out.read_bytes() == first
    other = tmp_path / "other.csv"
    with pytest.raises(Rejected, match=r"4 of \d+ are bad, more than --max-bad 1\.00% allows; the first: labels\.csv"):
        run(parts, other, tmp_path / "work")
    assert not other.exists()
    assert len(other.with_name("other.csv.bad.csv").read_text().splitlines()) == 5


def test_in_a_step_the_setting_is_named_and_no_list_that_is_removed(parts, tmp_path):
    step = {"max_bad": 0.001, "allowed_by": "bulk_inferrer.max_bad", "keeps_list": False}
    with pytest.raises(Rejected, match=r"more than bulk_inferrer\.max_bad 0\.10% allows; the first: ") as found:
        run(parts, tmp_path / "p.csv", tmp_path / "work", **step)
    assert "all of them" not in str(found.value)


def test_where_nothing_can_be_used_it_is_said_whatever_may_be_bad(tmp_path):
    listed = tmp_path / "list.csv"
    listed.write_text("image,part\nnone.jpg,p1\n../../etc/passwd,p2\n")
    with pytest.raises(Rejected, match=r"none of 2 can be used; the first: .*; all of them: p\.csv\.bad\.csv"):
        run(listed, tmp_path / "p.csv", tmp_path / "work", max_bad=1.0)


def test_a_broken_off_prediction_goes_on_with_the_same_pictures_only(parts, tmp_path):
    out, work = tmp_path / "predictions.csv", tmp_path / "work"

    def stop(text, share):
        raise KeyboardInterrupt

    model, wishes = open_model(TINY), Wishes(batch=5, max_bad=0.5)
    with pytest.raises(KeyboardInterrupt):
        predict(model, parts, out, work, wishes, stop)
    assert not out.exists()
    kept = json.loads((work / "batch-000000.json").read_text())
    kept["rows"][0]["label"] = "kept"
    (work / "batch-000000.json").write_text(json.dumps(kept))
    assert predict(model, parts, out, work, wishes, lambda text, share: None)["resumed"] == 1
    assert "kept" in out.read_text()
    with pytest.raises(KeyboardInterrupt):
        predict(model, parts, out, work, wishes, stop)
    shutil.copy(parts / list_pictures(parts).pictures[0].image, parts / list_pictures(parts).pictures[1].image)
    assert predict(model, parts, out, work, wishes, lambda text, share: None)["resumed"] == 0


def test_a_folder_without_a_table_is_predicted_by_file_names(tmp_path):
    made, _ = run(FIXTURES / "parts" / "images", tmp_path / "p.csv", tmp_path / "work")
    assert made["parts"] == made["pictures"] == len(list((FIXTURES / "parts" / "images").iterdir()))
    (tmp_path / "empty").mkdir()
    with pytest.raises(Rejected, match="holds no picture"):
        list_pictures(tmp_path / "empty")
    with pytest.raises(ConfigError, match="cannot be read"):
        list_pictures(tmp_path / "nowhere.csv")
    (tmp_path / "other.csv").write_text("picture\na.png\n")
    with pytest.raises(Rejected, match="column 'image' is missing; found picture"):
        list_pictures(tmp_path / "other.csv")


def test_pictures_of_one_name_in_two_folders_are_two_parts(tmp_path):
    for folder in ("day1", "day2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "001.png").write_bytes(b"")
    (tmp_path / "day1" / "002.png").write_bytes(b"")
    wanted = ["day1/001.png", "002", "day2/001.png"]
    assert [one.part for one in list_pictures(tmp_path).pictures] == wanted
    table = tmp_path / "list.csv"
    table.write_text("image,part\nday1/001.png,\nday1/002.png,\nday2/001.png,\nday2/9.png,7\nday2/7.png,\n")
    assert [one.part for one in list_pictures(table).pictures] == [*wanted, "7", "day2/7.png"]


def test_a_parts_verdict_is_that_of_its_score_before_it_is_rounded(tmp_path):
    source = FIXTURES / "parts" / "images"
    model = open_model(TINY)
    exact = score_pictures(model, source, list_pictures(source).pictures, tmp_path, 1)[0]
    tied = next(row["score"] for row in exact if round(row["score"], 6) < row["score"])
    at = model.variant.thresholds.model_copy(update={"accept_below": tied, "reject_above": 1.0})
    model = replace(model, variant=model.variant.model_copy(update={"thresholds": at}))
    predict(model, source, tmp_path / "q.csv", tmp_path / "again", Wishes(), lambda text, share: None)
    with (tmp_path / "q.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert "review" in {row["verdict"] for row in rows}
    assert [row["part_verdict"] for row in rows] == [row["verdict"] for row in rows]
    assert all(len(row["part_score"]) <= 8 for row in rows)


def test_predictions_are_read_back_from_every_format(tmp_path):
    import pyarrow.parquet as pq

    rows = [{"part": "p1", "score": 0.25}, {"part": "p2", "score": 0.5}]
    write_table(rows, tmp_path / "p.parquet")
    assert pq.read_table(tmp_path / "p.parquet").to_pylist() == rows
    with pytest.raises(ConfigError, match=r"written as \.csv, \.parquet, \.tfrecord"):
        check_format(tmp_path / "p.xlsx")


def test_a_part_is_as_bad_as_its_worst_picture():
    rows = [{"part": part, "score": score} for part, score in (("a", 0.0), ("a", 1.0), ("b", 0.0))]
    with_parts(rows, open_model(TINY))
    assert [row["part_score"] for row in rows] == [1.0, 1.0, 0.0]
    assert [row["part_verdict"] for row in rows] == ["reject", "reject", "accept"]


def test_a_part_of_which_a_picture_cannot_be_read_is_never_accepted(tmp_path):
    names = [one.image for one in list_pictures(FIXTURES / "parts" / "images").pictures]
    shutil.copytree(FIXTURES / "parts" / "images", tmp_path / "images")
    (tmp_path / "images" / "broken.jpg").write_bytes(b"no picture")
    lines = ["image,part", *(f"images/{name},p{number}" for number, name in enumerate(names))]
    (tmp_path / "list.csv").write_text("\n".join([*lines, "images/broken.jpg,p0", "images/broken.jpg,p1"]))
    run(tmp_path / "list.csv", tmp_path / "p.csv", tmp_path / "work", max_bad=0.5)
    with (tmp_path / "p.csv").open(newline="") as file:
        verdicts = {row["part"]: (row["verdict"], row["part_verdict"]) for row in csv.DictReader(file)}
    assert {verdicts[part][1] for part in ("p0", "p1")} == {"reject"}
    assert all(alone == joined for part, (alone, joined) in verdicts.items() if part not in ("p0", "p1"))
    assert "accept" in {alone for alone, _ in verdicts.values()}
    assert "images/broken.jpg" in (tmp_path / "p.csv.bad.csv").read_text()


@pytest.mark.parametrize(
    ("score", "verdict"), [(0.1, "accept"), (0.2, "review"), (0.6, "reject"), (float("nan"), "reject")]
)
def test_the_thresholds_decide(score, verdict):
    assert verdict_of(score, ThresholdPair(accept_below=0.2, reject_above=0.6)) == verdict


def test_the_latest_blessed_bundle_of_a_root_is_found(tmp_path):
    with pytest.raises(ConfigError, match="none was blessed yet"):
        latest_bundle(tmp_path)
    for model, version in (("a", "v1"), ("a", "v2"), ("b", "v1")):
        history.add(tmp_path, history.Blessed(model, version, 1, version, "", "", "", "", version, {}))
    assert latest_bundle(tmp_path, "a") == tmp_path / "pushed" / "a" / "v2"
    with pytest.raises(ConfigError, match="it has a, b; say which with --model"):
        latest_bundle(tmp_path)


def test_a_bundle_that_is_another_variant_is_refused():
    assert open_model(TINY, "int8").variant.id == "int8"
    with pytest.raises(ConfigError, match="expected one of float32, int8"):
        open_model(TINY, "onnx")


def test_the_step_writes_its_result_and_knows_its_data_by_content(tmp_path):
    result = tmp_path / "result"
    result.mkdir()
    folder = FIXTURES / "parts"
    made = bulk_inferrer(
        TINY, TINY, TINY, result, "content", "csv", 0.01, ",", str(folder), Context(tmp_path, lambda text, done: None)
    )
    assert [path.name for path in result.iterdir()] == ["predictions.csv"]
    assert "parts:" in made["inference_result"]["reasons"][0]
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(folder, elsewhere)

    def digests(paths):
        return {path: path.read_bytes().hex()[:4096] for path in paths}

    assert content_digest(folder, digests) == content_digest(elsewhere, digests)
    shutil.copy(*sorted((elsewhere / "images").iterdir())[:2])
    assert content_digest(folder, digests) != content_digest(elsewhere, digests)


def test_rows_of_files_in_folders_are_told_apart_and_each_file_s_content_counts(tmp_path):
    for shift in ("early", "late"):
        (tmp_path / shift).mkdir()
        (tmp_path / shift / "rows.csv").write_text(f"force;material\n1.5;{shift}\n")
    contract = RowContract(shape=(1, 1), columns=(RowColumn(name="force", kind="number"),))
    table = read_table(tmp_path, contract, ";")
    assert table.places == ("early/rows.csv:2", "late/rows.csv:2")

    def known():
        digests = files_digest(tmp_path, lambda paths: {path: path.read_text() for path in paths})
        return digests, read_table(tmp_path, contract, ";").digest

    before = known()
    (tmp_path / "late" / "rows.csv").write_text("force;material\n2.5;late\n")
    after = known()
    assert not set(before) & set(after)
    (tmp_path / "late" / "rows.csv").rename(tmp_path / "late" / "march.csv")
    assert not set(after) & set(known())
