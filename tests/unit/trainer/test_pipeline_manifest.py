import pytest

from edge_agent.contracts.errors import ConfigError, Rejected
from trainer.data.manifest import read_tables

HEADER = "image,mask,part,exposure,label\n"


def _folder(tmp_path, text, encoding="utf-8"):
    (tmp_path / "labels.csv").write_text(text, encoding=encoding, newline="")
    return tmp_path


def test_rows_are_read_with_their_line(tmp_path):
    table = read_tables([_folder(tmp_path, HEADER + "a.png,,p1,3,ok\nb.png,m.png,p2,,pit\n")])
    assert [(r.image, r.mask, r.part, r.exposure, r.label, r.line) for r in table.rows] == [
        ("a.png", "", "p1", "3", "ok", 2),
        ("b.png", "m.png", "p2", "", "pit", 3),
    ]


@pytest.mark.fault("T06")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_with_and_without_a_mark_is_read(tmp_path, encoding):
    table = read_tables([_folder(tmp_path, HEADER + "ä.png,,p1,1,ok\n", encoding)])
    assert table.rows[0].image == "ä.png"


def test_an_empty_folder_says_what_is_expected(tmp_path):
    with pytest.raises(Rejected, match=r"no labels\.csv in it .*expected a table of image, part, label"):
        read_tables([tmp_path])


def test_a_missing_folder_is_a_persons_mistake(tmp_path):
    with pytest.raises(ConfigError, match="there is no such folder"):
        read_tables([tmp_path / "nowhere"])


@pytest.mark.fault("T05")
def test_a_missing_column_is_named_with_what_was_found(tmp_path):
    with pytest.raises(Rejected, match="column 'label' is missing; found image, part"):
        read_tables([_folder(tmp_path, "image,part\na.png,p\n")])


@pytest.mark.fault("T04")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a.png,,p1,3", "4 fields, expected 5"),
        ("a.png,,p1,3,ok,more", "6 fields, expected 5"),
        ("a.png,,,3,ok", "'part' is empty"),
        ("../a.png,,p1,3,ok", "expected a path inside the folder"),
        ("/etc/passwd,,p1,3,ok", "expected a path inside the folder"),
        ("good.png,,p1,3,ok", "listed twice"),
    ],
)
def test_a_bad_line_is_set_aside_with_its_place(tmp_path, line, reason):
    table = read_tables([_folder(tmp_path, f"{HEADER}good.png,,p0,1,ok\n{line}\n")])
    assert len(table.rows) == 1
    assert (table.bad[0].path, reason in table.bad[0].reason) == ("labels.csv:3", True)


@pytest.mark.fault("T06")
def test_a_quoted_newline_keeps_the_following_line_numbers(tmp_path):
    table = read_tables([_folder(tmp_path, HEADER + '"a.png",,"p\n1",3,ok\nb.png,,p,3\n')])
    assert table.rows[0].part == "p\n1"
    assert table.bad[0].path == "labels.csv:4"


@pytest.mark.fault("T06")
def test_an_unclosed_quote_costs_its_own_line_alone(tmp_path):
    lines = "".join(f"{n}.png,,p{n},1,ok\n" for n in range(200))
    table = read_tables([_folder(tmp_path, HEADER + '"a.png,,p1,3,ok\n' + lines)])
    assert [(bad.path, "correct the quotes" in bad.reason) for bad in table.bad] == [("labels.csv:2", True)]
    assert [row.line for row in table.rows] == list(range(3, 203))


def test_a_table_without_rows_is_refused(tmp_path):
    with pytest.raises(Rejected, match="names no usable picture"):
        read_tables([_folder(tmp_path, HEADER)])


def test_an_unknown_split_is_set_aside(tmp_path):
    table = read_tables([_folder(tmp_path, "image,part,label,split\na,p,ok,test\nb,q,ok,prod\n")])
    assert table.rows[0].split == "test"
    assert "split is 'prod'" in table.bad[0].reason
