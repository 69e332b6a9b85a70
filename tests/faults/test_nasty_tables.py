"""Tables that are wrong in ways that no single cell shows: nothing of it passes in silence."""

import csv

import pytest

from edge_agent.contracts.errors import Rejected
from tests.simulators.data_steps import quarantine, run_data_steps, splits, told
from tests.simulators.sensor_table import RECIPE, write_table
from trainer.data.manifest import SPLITS
from trainer.samples.sensors import COLUMNS
from trainer.tabular.examples import read_split

ROWS = 300
pytestmark = pytest.mark.slow


def steps(data, root, *assignments, last="ExampleValidator"):
    return run_data_steps([data], root, *assignments, last=last, recipe=RECIPE)


def said(known):
    return known["ExampleGen.examples"].properties["reasons"]


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Two deliveries with an empty one among them, copies under other names, dates, serial numbers of mixed kinds."""
    base = tmp_path_factory.mktemp("odd")
    folder = base / "data"
    folder.mkdir()
    dates = {row: f"2026-01-{row % 28 + 1:02d}" for row in range(ROWS)}
    codes = {row: "304" if row % 3 == 0 else "316L" for row in range(ROWS)}
    write_table(folder / "a.csv", ROWS, made=dates, code=codes)
    rows = (folder / "a.csv").read_text().splitlines()
    copies = [rows[0], *(f"copy-{number},{row.partition(',')[2]}" for number, row in enumerate(rows[1:41]))]
    (folder / "b.csv").write_text("\n".join(copies) + "\n")
    (folder / "c.csv").write_text("")
    (folder / "d.csv").write_text(rows[0] + "\n")
    return steps(folder, base / "root", "max_bad=0.01")


def test_an_empty_file_is_one_bad_row_and_one_without_rows_is_told(odd):
    assert quarantine(odd)["c.csv"]["reason"] == "empty, expected a first line with the names of the columns"
    assert "1 rows quarantined" in said(odd)
    assert "d.csv has no row" in said(odd)


def test_columns_of_dates_and_of_both_kinds_are_told(odd):
    lines = "; ".join(said(odd))
    assert "column 'made' holds dates such as '2026-01-01'" in lines
    assert "column 'code' is taken for texts, though 34% of its cells are numbers" in lines


def test_copies_under_other_names_are_told_with_those_in_two_splits(odd, tmp_path):
    (line,) = [line for line in told(odd)["warnings"] if "equal readings" in line]
    assert line.startswith("40 pairs of rows have equal readings and are of different parts, ")
    properties = odd["ExampleGen.examples"].properties
    assert properties["near_duplicates"] == 40
    assert 0 < properties["near_duplicates_across_splits"] < 40


@pytest.mark.fault("T06")
def test_a_table_with_decimal_commas_is_refused_and_no_text(tmp_path):
    write_table(tmp_path / "a.csv", ROWS)
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["feed_force_n"] = row["feed_force_n"].replace(".", ",")
    with (tmp_path / "a.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(Rejected, match=r"300 of 300 rows are bad.*a\.csv:2: column 'feed_force_n' is '\d+,\d+', expec"):
        steps(tmp_path / "a.csv", tmp_path / "root", last="ExampleGen")


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """A table of 300 parts, and its root."""
    base = tmp_path_factory.mktemp("training")
    return write_table(base / "readings.csv", ROWS), base


def test_rows_of_production_without_labels_are_compared_with_training(training, tmp_path):
    table, base = training
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = [name for name in COLUMNS if name != "label"]
    for place, row in enumerate(rows):
        row["coolant_temperature_c"] = f"{float(row['coolant_temperature_c']) + 30:.2f}"
        row["material"] = "titanium" if place % 2 else row["material"]
    rows[3]["feed_force_n"] = "broken"
    with (tmp_path / "seen.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    settings = (
        "max_bad=0.01",
        f"example_validator.serving={tmp_path / 'seen.csv'}",
        "example_validator.skew_numeric=0.2",
    )
    known = steps(table, base / "root", *settings, "example_validator.skew_categorical=0.3")
    assert known["ServingExampleGen.examples"].properties["pictures_serving"] == ROWS - 1
    blocking = told(known)["blocking"]
    (distance,) = [line for line in blocking if line.startswith("train: coolant_temperature_c")]
    assert "Jensen-Shannon divergence between training and serving" in distance
    (texts,) = [line for line in blocking if line.startswith("train: material")]
    assert "Linfty distance between training and serving" in texts
    (feature,) = [line for line in blocking if line.startswith("serving: coolant_temperature_c: ")]
    assert f"{ROWS - 1} of {ROWS - 1} records have another value in the serving data" in feature
    assert not [line for line in blocking if "label" in line or "feed_force" in line]


def test_rows_are_split_by_their_own_hash_wherever_they_stand(training, tmp_path):
    table, _ = training
    lines = table.read_text().splitlines()
    for number in range(1, len(lines), 2):
        lines[number] = lines[number].replace(lines[number].partition(",")[0], "one-part", 1)
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "b.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    found = [
        steps(tmp_path / name, tmp_path / f"root of {name}", "example_gen.split=by-hash") for name in ("a.csv", "b.csv")
    ]
    rows = [{name: one["ExampleGen.examples"].properties[f"pictures_{name}"] for name in SPLITS} for one in found]
    assert rows[0] == rows[1]
    assert 30 <= rows[0]["test"] <= 90
    assert found[0]["ExampleValidator.anomalies"].blessed
    (line,) = [line for line in told(found[0])["warnings"] if line.startswith("part: 1 parts")]
    assert line.endswith("(one-part); as example_gen.split by-hash asks: what is evaluated was partly learned from")
    whole = steps(tmp_path / "a.csv", tmp_path / "whole", "example_gen.split=by-part", last="ExampleGen")
    assert list(splits(whole)) == sorted(splits(whole))
    assert len(splits(whole)) == ROWS // 2 + 1
    assert "one-part" in splits(whole)


NO_PART = ("table.part=", "table.ignore=[part]")


def rows_by_split(known):
    """Return the splits of each row by its readings."""
    found = {}
    for name in SPLITS:
        table = read_split(known["ExampleGen.examples"].path, name)
        for row in zip(*(table.numbers[one].tolist() for one in sorted(table.numbers)), strict=True):
            found.setdefault(str(row), []).append(name)
    return found


def test_a_row_without_a_part_keeps_its_split_when_files_are_renamed_and_spans_roll(tmp_path):
    for span in (1, 2, 3):
        (tmp_path / f"span-{span}").mkdir()
        write_table(tmp_path / f"span-{span}" / "readings.csv", ROWS, seed=span)
    pattern = tmp_path / "span-{SPAN}"
    first, second = (steps(pattern, tmp_path / "root", *NO_PART, f"spans={w}", last="ExampleGen") for w in ("1", "1-2"))
    (tmp_path / "span-2" / "readings.csv").rename(tmp_path / "span-2" / "february.csv")
    rolled = steps(pattern, tmp_path / "root", *NO_PART, "spans=2-3", last="ExampleGen")
    for before, after in ((first, second), (second, rolled)):
        old, new = rows_by_split(before), rows_by_split(after)
        assert len(old.keys() & new.keys()) == ROWS
        assert {row: old[row] for row in old.keys() & new.keys()} == {row: new[row] for row in old.keys() & new.keys()}


def test_rows_without_a_part_are_no_records_of_training_because_their_file_is_called_alike(training, tmp_path):
    table, base = training
    write_table(tmp_path / table.name, ROWS, seed=2)
    known = steps(table, base / "root", *NO_PART, f"example_validator.serving={tmp_path / table.name}")
    assert told(known)["blocking"] == []


def test_a_part_whose_rows_lie_in_several_files_is_compared_with_production_row_by_row(tmp_path):
    rows = write_table(tmp_path / "all.csv", ROWS).read_text().splitlines()
    for name, ending in (("training", ""), ("production", "\n")):
        (tmp_path / name).mkdir()
        for number in range(4):
            path = tmp_path / name / f"station-{number}.csv"
            turned = [*rows[1 + number :], *rows[1 : 1 + number]]
            again = [f"{a.partition(',')[0]},{b.partition(',')[2]}" for a, b in zip(rows[1:], turned, strict=True)]
            path.write_text("\n".join([rows[0], *again]) + "\n" + ending)
    known = steps(tmp_path / "training", tmp_path / "root", f"example_validator.serving={tmp_path / 'production'}")
    assert [line for line in told(known)["blocking"] if "serving data" in line] == []


def test_columns_that_are_called_as_those_of_pictures_are_columns_like_others(tmp_path):
    rows = write_table(tmp_path / "all.csv", ROWS).read_text().splitlines()
    rows[0] = rows[0].replace("part", "serial", 1).replace("material", "name", 1).replace("machine", "part", 1)
    for name, its in (("readings.csv", rows), ("production.csv", [rows[0], *reversed(rows[1:])])):
        (tmp_path / name).write_text("\n".join(its) + "\n")
    production = f"example_validator.serving={tmp_path / 'production.csv'}"
    known = steps(tmp_path / "readings.csv", tmp_path / "root", "table.part=serial", production)
    assert told(known)["blocking"] == []
    assert {"part", "name"} <= {one["feature"] for one in told(known)["distances"]}
    schema = (known["SchemaGen.schema"].path / "schema.pbtxt").read_text()
    assert all(f'name: "{column}"' in schema for column in ("part", "name"))
    values = 'string_domain { name: "T" value: "T1" value: "T2" value: "T3" }'
    reviewed = f'feature {{ name: "part" type: BYTES domain: "T" presence {{ min_count: 1 }} }} {values}'
    (tmp_path / "root" / "schema.pbtxt").write_text(reviewed)
    blocking = told(steps(tmp_path / "readings.csv", tmp_path / "root", "table.part=serial"))["blocking"]
    (line,) = [line for line in blocking if line.startswith("train: part ")]
    assert "part 'T4' in " in line
    assert "readings.csv:" in line


@pytest.mark.fault("T08")
def test_a_row_that_asks_for_no_split_there_is_costs_itself_alone(tmp_path):
    wishes = dict.fromkeys(range(0, ROWS, 5), "test")
    table = write_table(tmp_path / "a.csv", ROWS, split={**wishes, 7: "validation"})
    known = steps(table, tmp_path / "root", "table.split=split", "max_bad=0.01", last="ExampleGen")
    assert {path: one["reason"] for path, one in quarantine(known).items()} == {
        "a.csv:9": "column 'split' is 'validation', expected one of train, eval, test"
    }


def test_spans_whose_columns_differ_block_and_name_the_command_that_goes_on(tmp_path):
    for span in (1, 2):
        (tmp_path / f"span-{span}").mkdir()
    write_table(tmp_path / "span-1" / "r.csv", ROWS)
    first = write_table(tmp_path / "r.csv", ROWS, seed=2).read_text()
    (tmp_path / "span-2" / "r.csv").write_text(first.replace("feed_force_n", "force", 1))
    spans, root = tmp_path / "span-{SPAN}", tmp_path / "root"
    assert steps(spans, root, "spans=1")["ExampleValidator.anomalies"].blessed
    known = steps(spans, root)
    blocking = told(known)["blocking"]
    assert [line.partition(":")[0] for line in blocking] == ["feed_force_n", "force"]
    assert "force is new: was it renamed" in blocking[0]
    with pytest.raises(Rejected, match=r"2/r\.csv has no column 'feed_force_n', which 1/r\.csv has"):
        steps(spans, root, "spans=all")
    schema = (known["SchemaGen.schema"].path / "schema.pbtxt").read_text()
    (root / "schema.pbtxt").write_text(schema)
    reviewed = told(steps(spans, root))
    assert reviewed["blocking"] == []
    assert [one["feature"] for one in reviewed["distances"] if one["feature"] == "force"] == []
