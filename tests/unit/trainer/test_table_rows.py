"""Rows of sensor readings: what the files hold, what the cells are, and which rows cannot be used."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from edge_agent.contracts.encoding import digest_bytes, digest_file
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.row import row_input
from trainer.data.leaks import warnings_of
from trainer.data.table_source import list_tables
from trainer.data.tfrecord import write_tfrecord
from trainer.data.wire import bytes_feature, example, int_feature
from trainer.pipeline.cache import Store
from trainer.pipeline.index import Index
from trainer.tabular.collecting import read_listed, wanted_by
from trainer.tabular.contract import cells_of, contract_of, inputs_of
from trainer.tabular.examples import encoded
from trainer.tabular.files import TableFile, files_of, tables_in
from trainer.tabular.identity import row_names
from trainer.tabular.read import every, join, origins, read_rows
from trainer.tabular.repeats import repeats
from trainer.tabular.values import LABEL, PART, ROW, Layout, Typed, chosen_rows, typed

LAYOUT = Layout("label", "", "", "", (), (), {})
TABLE = {"delimiter": ",", "ignore": [], "time": ""}
HEAD = "force,material,label\n"


def layout(**changed):
    return Layout(**{**vars(LAYOUT), **changed})


def rows_of(path, data, delimiter=","):
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_rows(TableFile(path, path.name), delimiter)


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
        (",,\n", "empty, expected a first line"),
        ("a,a,label\n1,2,ok\n", r"a\.csv:1: column 'a' is named twice"),
        ('a,"label\n1,ok\n', r"a\.csv:1: unexpected end of data; correct the quotes of this line"),
        ("a;b;label\n1;2;ok\n", "if ';' parts the cells, say so by pipeline.table.delimiter"),
        ("a\tb\tlabel\n1\t2\tok\n", r"if '\\t' parts the cells"),
        (b"a,label\xe4\n1,ok\n", r"a\.csv:1: byte 0xe4 is not UTF-8; save the table as UTF-8"),
        (b"\xff\xfea", r"a\.csv: not UTF-16 text"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_its_line(tmp_path, data, words):
    with pytest.raises(Rejected, match=words):
        rows_of(tmp_path / "a.csv", data)


def test_parquet_gives_the_same_rows_as_csv(tmp_path):
    table = pa.table({"force": [1.5, None, 3.0], "material": ["steel", None, "brass"], "label": ["ok", "ok", "pit"]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    one = read_rows(TableFile(tmp_path / "a.parquet", "a.parquet"))
    other = rows_of(tmp_path / "a.csv", HEAD + "1.5,steel,ok\n,,ok\n3.0,brass,pit\n")
    first, second = (typed(rows.columns, LAYOUT) for rows in (one, other))
    np.testing.assert_array_equal(first.numbers["force"], second.numbers["force"])
    assert first.texts["material"].tolist() == second.texts["material"].tolist() == ["steel", "", "brass"]
    (tmp_path / "b.parquet").write_bytes(b"PAR1nothing")
    with pytest.raises(Rejected, match="no Parquet file"):
        read_rows(TableFile(tmp_path / "b.parquet", "b.parquet"))


def parquet_of(folder, columns, wanted=every):
    pyarrow.parquet.write_table(pa.table(columns) if isinstance(columns, dict) else columns, folder / "a.parquet")
    return read_rows(TableFile(folder / "a.parquet", "a.parquet"), ",", wanted)


def test_whole_numbers_that_a_float_cannot_tell_apart_stay_apart(tmp_path):
    serials = [2**53, 2**53 + 1, None]
    found = parquet_of(tmp_path, {"serial": serials, "count": [1, 2, None], "label": ["ok"] * 3})
    assert found.columns["serial"] == ["9007199254740992", "9007199254740993", ""]
    np.testing.assert_array_equal(found.columns["count"], [1, 2, np.nan])
    path = tmp_path / "a.tfrecord"
    write_tfrecord(path, [example({"serial": int_feature(serial)}) for serial in serials[:2]])
    assert read_rows(TableFile(path, path.name)).columns["serial"] == ["9007199254740992", "9007199254740993"]


@pytest.mark.parametrize(
    ("cells", "words"),
    [([[1, 2]], "list<.*: int64>"), ([b"\xff"], "bytes that are no UTF-8")],
)
def test_what_no_cell_can_hold_is_told_and_does_no_harm_where_nobody_looks(tmp_path, cells, words):
    columns = {"curve": cells, "label": ["ok"]}
    with pytest.raises(Rejected, match=rf"a\.parquet: column 'curve' holds ({words}).*; name it in table.ignore"):
        parquet_of(tmp_path, columns)
    wanted = wanted_by({**TABLE, "ignore": ["curve"]})
    assert parquet_of(tmp_path, columns, wanted).columns == {"curve": [""], "label": ["ok"]}
    path = tmp_path / "a.tfrecord"
    feature = int_feature(*cells[0]) if isinstance(cells[0], list) else bytes_feature(cells[0])
    write_tfrecord(path, [example({"curve": feature, "label": bytes_feature(b"ok")})])
    assert len(read_rows(TableFile(path, path.name)).bad) == 1
    assert read_rows(TableFile(path, path.name), ",", wanted).columns["label"] == ["ok"]


def test_a_parquet_column_that_is_there_twice_is_named(tmp_path):
    twice = pa.table([["a"], ["b"]], names=["machine", "machine"])
    with pytest.raises(Rejected, match=r"a\.parquet: column 'machine' is named twice"):
        parquet_of(tmp_path, twice)


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
    (tmp_path / "moved" / "a.csv").rename(tmp_path / "moved" / "march.csv")
    assert list_tables([tmp_path / "moved"], store, index, clock).digest == first.digest
    (tmp_path / "moved" / "april.csv").write_text(HEAD + "7,steel,ok\n")
    two = list_tables([tmp_path / "moved"], store, index, clock)
    assert two.digest != first.digest
    (tmp_path / "moved" / "april.csv").rename(tmp_path / "moved" / "may.csv")
    assert list_tables([tmp_path / "moved"], store, index, clock).digest == two.digest
    (tmp_path / "moved" / "may.csv").rename(tmp_path / "elsewhere.csv")
    assert list_tables([tmp_path / "elsewhere.csv", tmp_path / "moved"], store, index, clock).digest == two.digest
    (tmp_path / "moved" / "march.csv").rename(tmp_path / "moved" / "march.parquet")
    assert list_tables([tmp_path / "moved"], store, index, clock).digest != first.digest
    (tmp_path / "moved" / "march.parquet").unlink()
    (tmp_path / "moved" / "a.csv").write_text(HEAD + "2,steel,ok\n")
    assert list_tables([tmp_path / "moved"], store, index, clock).digest != first.digest
    index.close()
    with pytest.raises(ConfigError, match="no such file or folder"):
        files_of(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Rejected, match="expected a table of rows"):
        files_of(tmp_path / "empty")


def test_files_of_one_name_in_two_places_are_told_apart(tmp_path):
    for name in ("one/r.csv", "one/sub/r.csv", "two/r.csv", "two/own.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(HEAD)
    found = tables_in([tmp_path / "one", tmp_path / "two"])
    assert [file.name for file in found] == ["1/r.csv", "sub/r.csv", "own.csv", "2/r.csv"]


@pytest.mark.fault("T12")
def test_of_files_that_came_and_went_since_the_listing_only_a_lost_one_stops_the_reading(tmp_path):
    listed = []
    for name, force in (("a.csv", 1), ("c.csv", 3)):
        (tmp_path / name).write_text(HEAD + f"{force},steel,ok\n")
        listed.append({"format": "csv", "sha256": digest_file(tmp_path / name)})

    def read():
        files = read_listed(listed, [str(tmp_path)], TABLE, lambda *_: None)
        return sorted((file.name, file.columns["force"]) for file in files)

    assert read() == [("a.csv", ["1"]), ("c.csv", ["3"])]
    (tmp_path / "b.csv").write_text(HEAD + "2,steel,ok\n")
    assert read() == [("a.csv", ["1"]), ("c.csv", ["3"])]
    (tmp_path / "b.csv").unlink()
    (tmp_path / "c.csv").write_text(HEAD + "4,steel,ok\n")
    with pytest.raises(Rejected, match=r"c\.csv changed while the pipeline ran"):
        read()
    (tmp_path / "c.csv").unlink()
    with pytest.raises(Rejected, match="a file went while the pipeline ran"):
        read()


def test_files_are_read_in_one_order_whatever_they_are_called(tmp_path):
    contents = {f"{force},steel,ok\n": digest_bytes((HEAD + f"{force},steel,ok\n").encode()) for force in range(5)}
    listed = [{"format": "csv", "sha256": sha256} for sha256 in sorted(contents.values())]
    read = []
    for names in ("abcde", "edcba"):
        folder = tmp_path / names
        folder.mkdir()
        for name, row in zip(names, contents, strict=True):
            (folder / f"{name}.csv").write_text(HEAD + row)
        files = read_listed(listed, [str(folder)], TABLE, lambda *_: None)
        read.append([file.columns["force"] for file in files])
    assert read[0] == read[1]


def test_a_row_that_names_no_part_is_known_by_what_it_says_but_its_label():
    first = {"force": ["1", "2", "1"], "label": ["ok", "ok", "ok"]}
    names = row_names(first, LAYOUT).tolist()
    assert len(set(names)) == 3
    assert names[2] == f"{names[0]}-2"
    other = {"label": ["pit", "ok", "pit", "ok"], "force": ["3", "1", "1", "2"]}
    assert row_names(other, LAYOUT).tolist()[1:] == [names[0], names[2], names[1]]
    numbers = np.asarray([1.5, np.nan])
    assert row_names({"a": numbers}, LAYOUT).tolist() == row_names({"a": ["1.5", ""]}, LAYOUT).tolist()
    assert len(row_names({"label": ["ok", "pit"]}, LAYOUT)) == 2


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


@pytest.mark.fault("T04")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'2,"open,ok', "unexpected end of data; correct the quotes"),
        (b'2,"op"en,ok', "',' expected after '\"'; correct the quotes"),
        (b"2,stahlh\xe4rte,ok", "byte 0xe4 is not UTF-8; save the table as UTF-8"),
    ],
)
def test_a_broken_line_costs_itself_alone(tmp_path, line, reason):
    after = b"".join(b"%d,steel,ok\n" % number for number in range(300)) + b'7,"",ok\n'
    found = rows_of(tmp_path / "a.csv", HEAD.encode() + b"1,steel,ok\n" + line + b"\n" + after)
    assert [bad.path for bad in found.bad] == ["a.csv:3"]
    assert reason in found.bad[0].reason
    assert found.lines.tolist() == [2, *range(4, 305)]


@pytest.mark.fault("T04")
def test_a_quote_that_joins_two_lines_by_mistake_costs_the_first_one_alone(tmp_path):
    found = rows_of(tmp_path / "a.csv", HEAD + '1,"two\nlines",ok\n2,"open\n3,steel,ok"\n4,brass,ok\n')
    assert [(bad.path, bad.reason) for bad in found.bad] == [
        ("a.csv:4", "a quote of this line does not close before line 5; correct it")
    ]
    assert found.lines.tolist() == [2, 5, 6]


@pytest.mark.fault("T06")
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_told_without_a_mark(tmp_path, encoding):
    assert rows_of(tmp_path / "a.csv", (HEAD + "1,stähle,ok\n").encode(encoding)).columns["material"] == ["stähle"]


@pytest.mark.fault("T06")
def test_decimal_commas_are_mistakes_and_no_texts():
    found = typed({"force": ["12,5", "-1.200,75", "3,0", "7"], "label": ["ok"] * 4}, LAYOUT)
    assert list(found.numbers) == ["force"]
    assert found.problems[0] == "column 'force' is '12,5', expected a number with a decimal point"
    assert sorted(found.problems) == [0, 1, 2]


@pytest.mark.fault("T06")
def test_a_column_that_partly_is_one_of_numbers_or_of_dates_is_told():
    columns = {
        "code": ["304", "316", "304L", "316L", "7075"] * 2 + ["a", "b"],
        "made": ["2026-01-05T06:00:00Z", "05.01.2026"] * 6,
        "material": ["steel", "brass", "7"] * 4,
        "label": ["ok"] * 12,
    }
    columns["code"][4] = columns["code"][9] = "x"
    found = typed(columns, LAYOUT)
    assert sorted(found.texts) == ["code", "label", "made", "material"]
    assert [remark.partition(" is taken")[0].partition(" such")[0] for remark in found.remarks] == [
        "column 'code'",
        "column 'made' holds dates",
        "column 'material'",
    ]
    assert "though 33% of its cells are numbers; say what it is with --set 'table.kinds={code: text}'" in " ".join(
        found.remarks
    )
    assert typed(columns, layout(kinds={"code": "text", "material": "text"}, time="made")).remarks == []


def test_an_empty_file_among_good_ones_is_one_bad_row(tmp_path):
    files = [rows_of(tmp_path / f"{name}.csv", text) for name, text in (("a", ""), ("b", HEAD + "1,steel,ok\n"))]
    joined, origin = join(files), origins(files)
    assert [(bad.path, bad.reason.partition(",")[0]) for bad in joined.bad] == [("a.csv", "empty")]
    assert origin(0) == ("b.csv:2", files[1].sha256)
    with pytest.raises(Rejected, match=r"a\.csv: empty, expected a first line"):
        join(files[:1])


def _table(numbers, materials, labels, parts):
    rows = [f"a.csv:{number + 2}" for number in range(len(numbers))]
    texts = {"material": materials, LABEL: labels, PART: parts, ROW: rows}
    return Typed(
        {"force": np.asarray(numbers, np.float32)}, {n: np.asarray(v, object) for n, v in texts.items()}, {}, []
    )


def test_rows_with_equal_readings_are_found_where_most_rows_have_their_own():
    table = _table([1, 2, 1, np.nan, np.nan, 6, 1], list("aaabbca"), list("xyyxxxx"), list("pqrstup"))
    split = {"p": "train", "q": "train", "r": "test", "s": "train", "t": "train", "u": "eval"}
    found = repeats(table, ["force", "material"], split)
    assert found["counts"] == {"same": 1, "near": 2, "split": 1, "label": 1, "part": 2}
    assert [[one["image"] for one in pair["pictures"]] for pair in found["near"]] == [
        ["a.csv:2", "a.csv:4"],
        ["a.csv:5", "a.csv:6"],
    ]
    (line,) = warnings_of(found)
    assert line.startswith(
        "2 pairs of rows have equal readings and are of different parts, 1 in two splits, 1 with two"
    )
    coarse = repeats(table, ["material"], split)
    assert coarse["counts"]["near"] == 0
