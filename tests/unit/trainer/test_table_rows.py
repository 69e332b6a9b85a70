"""Rows of sensor readings: what the files hold, what the cells are, and which rows cannot be used."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from edge_agent.contracts.encoding import digest_file
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.row import row_input
from trainer.data.table_source import files_of, list_tables
from trainer.pipeline.cache import Store
from trainer.pipeline.index import Index
from trainer.tabular.contract import cells_of, contract_of, inputs_of
from trainer.tabular.examples import encoded
from trainer.tabular.read import join, origins, read_rows
from trainer.tabular.values import LABEL, PART, ROW, Layout, chosen_rows, typed

LAYOUT = Layout("label", "", "", "", (), (), {})
HEAD = "force,material,label\n"


def layout(**changed):
    return Layout(**{**vars(LAYOUT), **changed})


def rows_of(path, data, delimiter=","):
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_rows(path, path.name, digest_file(path), delimiter)


@pytest.mark.fault("T04")
def test_a_ragged_row_is_told_with_its_line_even_behind_quoted_line_breaks(tmp_path):
    found = rows_of(tmp_path / "a.csv", HEAD + '1.5,"two\nlines",ok\n2.5,steel\n3.5,steel,ok,more\n4.5,steel,pit\n')
    assert [(bad.path, bad.reason) for bad in found.bad] == [
        ("a.csv:4", "2 fields, expected 3"),
        ("a.csv:5", "4 fields, expected 3"),
    ]
    assert all(len(bad.sha256) == 64 for bad in found.bad)
    assert found.lines.tolist() == [2, 6]
    assert found.columns["material"] == ["two\nlines", "steel"]


@pytest.mark.fault("T06")
@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbf" + HEAD.encode() + b"1,steel,ok\n", (HEAD + "1,steel,ok\n").encode("utf-16")]
)
def test_byte_order_marks_do_not_end_up_in_a_column_s_name(tmp_path, data):
    found = rows_of(tmp_path / "a.csv", data)
    assert list(found.columns) == ["force", "material", "label"]
    assert found.columns["force"] == ["1"]


@pytest.mark.fault("T06")
def test_what_is_no_number_in_a_column_of_numbers_is_quarantined_and_never_makes_it_texts():
    cells = ["1", " 2.5 ", "-3e2", "NaN", "", "inf", "1e400", "12,5", "abc", "1e39", ".5", "7."]
    found = typed({"force": cells, "label": ["ok"] * len(cells)}, LAYOUT)
    assert list(found.numbers) == ["force"]
    assert sorted(found.problems) == [5, 6, 7, 8, 9]
    assert found.problems[5] == "column 'force' is 'inf', expected a number"
    expected = [1, 2.5, -300, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, 0.5, 7]
    np.testing.assert_array_equal(found.numbers["force"], np.asarray(expected, np.float32))


def test_kinds_follow_from_most_cells_and_the_settings_overrule_them():
    columns = {"code": ["1", "2", "x", "y", "z"], "slot": ["1", "2", "3", "4", "5"], "label": ["ok"] * 5}
    found = typed(columns, layout(kinds={"slot": "text"}))
    assert list(found.texts) == ["code", "slot", LABEL]
    assert found.problems == {}
    forced = typed(columns, layout(kinds={"code": "number"}))
    assert sorted(forced.problems) == [2, 3, 4]


@pytest.mark.fault("T10")
def test_a_column_without_any_value_is_left_out_and_said():
    found = typed({"empty": ["", "NA"], "force": ["1", "2"], "label": ["ok", "pit"]}, LAYOUT)
    assert list(found.numbers) == ["force"]
    assert found.remarks == ["column 'empty' is empty in every row and is left out"]


@pytest.mark.fault("T05")
def test_a_missing_column_names_the_nearest_and_an_empty_label_is_a_bad_row():
    with pytest.raises(Rejected, match=r"column 'label' is missing; did you mean 'Label'\?"):
        typed({"force": ["1"], "Label": ["ok"]}, LAYOUT)
    with pytest.raises(Rejected, match="column 'shift' is missing; found force, label"):
        typed({"force": ["1"], "label": ["ok"]}, layout(slices=("shift",)))
    assert typed({"force": ["1"], "label": [" "]}, LAYOUT).problems == {0: "column 'label' is empty"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "empty, expected a first line"),
        ("a,a,label\n1,2,ok\n", r"a\.csv:1: column 'a' is named twice"),
        ('a,label\n1,ok\n2,"open\n3,ok\n', r"a\.csv:3: unexpected end of data"),
        ("a;b;label\n1;2;ok\n", "give --set table.delimiter=';'"),
        (b"a,label\n1,ok\n\xff,ok\n", r"a\.csv:3: not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_its_line(tmp_path, data, words):
    with pytest.raises(Rejected, match=words):
        rows_of(tmp_path / "a.csv", data)


@pytest.mark.fault("T12")
def test_a_file_that_changed_since_it_was_listed_stops_the_reading(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(HEAD)
    with pytest.raises(Rejected, match="changed while the pipeline ran"):
        read_rows(path, "a.csv", "0" * 64)


def test_parquet_gives_the_same_rows_as_csv(tmp_path):
    table = pa.table({"force": [1.5, None, 3.0], "material": ["steel", None, "brass"], "label": ["ok", "ok", "pit"]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    one = read_rows(tmp_path / "a.parquet", "a.parquet", digest_file(tmp_path / "a.parquet"))
    other = rows_of(tmp_path / "a.csv", HEAD + "1.5,steel,ok\n,,ok\n3.0,brass,pit\n")
    first, second = (typed(rows.columns, LAYOUT) for rows in (one, other))
    np.testing.assert_array_equal(first.numbers["force"], second.numbers["force"])
    assert first.texts["material"].tolist() == second.texts["material"].tolist() == ["steel", "", "brass"]
    (tmp_path / "b.parquet").write_bytes(b"PAR1nothing")
    with pytest.raises(Rejected, match="no Parquet file"):
        read_rows(tmp_path / "b.parquet", "b.parquet", digest_file(tmp_path / "b.parquet"))


def test_several_files_are_joined_and_a_row_knows_where_it_stands(tmp_path):
    one = rows_of(tmp_path / "a.csv", HEAD + "1,steel,ok\n2,steel,ok\n")
    two = rows_of(tmp_path / "b.csv", "label,force,material\nok,3,brass\n")
    joined, origin = join([one, two]), origins([one, two])
    assert joined.columns["force"] == ["1", "2", "3"]
    assert [origin(row)[0] for row in range(3)] == ["a.csv:2", "a.csv:3", "b.csv:2"]
    with pytest.raises(Rejected, match=r"c\.csv has no column 'force', which a\.csv has"):
        join([one, rows_of(tmp_path / "c.csv", "label,material\nok,brass\n")])


def test_the_listing_depends_on_content_alone(tmp_path):
    clock = iter(range(10**18, 10**19, 10**9)).__next__
    store, index = Store(tmp_path / "root"), Index(tmp_path / "root")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text(HEAD + "1,steel,ok\n")
    first = list_tables([tmp_path / "data"], store, index, clock)
    (tmp_path / "data").rename(tmp_path / "moved")
    assert list_tables([tmp_path / "moved"], store, index, clock).digest == first.digest
    (tmp_path / "moved" / "a.csv").write_text(HEAD + "2,steel,ok\n")
    assert list_tables([tmp_path / "moved"], store, index, clock).digest != first.digest
    index.close()
    with pytest.raises(ConfigError, match="no such file or folder"):
        files_of(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Rejected, match="expected a table of rows"):
        files_of(tmp_path / "empty")


def table():
    columns = {
        "force": ["1.5", "", "3.25", "0.1"],
        "material": ["steel", "brass", "", "steel"],
        "label": ["ok", "ok", "pit", "ok"],
    }
    found = typed(columns, LAYOUT)
    beside = {PART: np.asarray(list("abcd"), object), ROW: np.asarray(list("efgh"), object)}
    return type(found)(found.numbers, {**found.texts, **beside}, {}, [])


def test_a_whole_table_becomes_the_numbers_that_its_rows_become_one_by_one():
    rows = table()
    contract = contract_of(rows, ["material"], 10)
    assert [(c.name, c.kind, c.values) for c in contract.columns] == [
        ("force", "number", ()),
        ("material", "text", ("brass", "steel")),
    ]
    rows.texts["material"][3] = "gold"
    at_once = inputs_of(rows, contract)
    np.testing.assert_array_equal(at_once, [row_input(row, contract) for row in cells_of(rows, contract)])
    assert at_once[:, 1].tolist() == [1.0, 0.0, 3.0, 2.0]
    with pytest.raises(Rejected, match=r"column 'material' has 3 different texts in training rows, at most 2"):
        contract_of(rows, ["material"], 2)


def test_the_same_rows_give_the_same_bytes_in_any_company():
    rows = table()
    whole = list(encoded(rows))
    assert len(set(whole)) == 4
    assert list(encoded(chosen_rows(rows, np.asarray([2])))) == [whole[2]]
    assert b"material" in whole[0]
    assert b"material" not in whole[2]
