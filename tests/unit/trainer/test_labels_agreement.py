"""Several labellers: reading, kappa, consensus, disputed pictures, the command."""

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import cohen_kappa_score

from edge_agent.contracts.errors import Rejected
from trainer.cli import main
from trainer.labels.agreement import cohen, consensus, dawid_skene, fleiss, kappa, labellers
from trainer.labels.opinions import Opinions, read_opinions

FLEISS_1971 = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def opinions(*rows):
    return Opinions({f"{n:03d}.png": dict(row) for n, row in enumerate(rows)}, ())


def people(truth, skills, seed=1):
    rng = np.random.default_rng(seed)
    labels = ["ok", "pit", "scratch"]
    said = []
    for kind in truth:
        right = {name: rng.random() < skill for name, skill in skills.items()}
        other = {name: labels[(kind + rng.integers(1, 3)) % 3] for name in skills}
        said.append({name: labels[kind] if right[name] else other[name] for name in skills})
    return opinions(*said)


def test_fleiss_kappa_is_that_of_the_known_example():
    assert fleiss(np.asarray(FLEISS_1971, float)) == pytest.approx(0.210, abs=5e-4)
    assert math.isnan(fleiss(np.asarray([[1.0, 0.0]])))


def test_cohens_kappa_equals_scikit_learns():
    rng = np.random.default_rng(2)
    first = rng.integers(0, 3, 200)
    second = np.where(rng.random(200) < 0.7, first, rng.integers(0, 3, 200))
    assert cohen(np.stack([first, second], axis=1), 3) == pytest.approx(cohen_kappa_score(first, second))
    assert math.isnan(cohen(np.zeros((5, 2), int), 1))


def test_two_labellers_are_cohens_case_more_are_fleiss_and_the_interval_holds_the_value():
    two = people([n % 3 for n in range(90)], {"anna": 0.9, "ben": 0.8})
    three = people([n % 3 for n in range(90)], {"anna": 0.9, "ben": 0.8, "chiara": 0.9})
    for given, kind in ((two, "cohen"), (three, "fleiss")):
        found = kappa(given)
        assert (found.kind, found.pictures) == (kind, 90)
        assert 0.3 < found.low < found.value < found.high < 1
    alone = kappa(opinions({"anna": "ok"}, {"anna": "pit"}))
    assert math.isnan(alone.value)


def test_one_who_is_reliable_counts_more_than_several_who_are_not():
    truth = [n % 3 for n in range(300)]
    given = people(truth, {"a": 0.6, "b": 0.6, "c": 0.55, "d": 0.55, "good": 0.95})
    labels = ["ok", "pit", "scratch"]
    wanted = np.asarray([labels[kind] for kind in truth])
    verdicts = consensus(given)
    by_model = np.asarray([verdict.label for verdict in verdicts])
    majority = np.asarray([max(sorted(one.values()), key=list(one.values()).count) for one in given.said.values()])
    assert (by_model == wanted).mean() > (majority == wanted).mean() + 0.03
    assert dawid_skene(given).sum(axis=1) == pytest.approx(np.ones(300))
    agreed = {one.name: one.agreed for one in labellers(given, verdicts)}
    assert max(agreed, key=lambda name: agreed[name]) == "good"


def test_two_labellers_decide_by_majority_and_a_tie_goes_to_the_frequent_label():
    found = consensus(opinions({"a": "ok", "b": "ok"}, {"a": "ok", "b": "pit"}, {"a": "pit"}))
    assert [(one.label, one.disputed) for one in found] == [("ok", False), ("ok", True), ("pit", False)]
    assert found[1].sure == 0.5


def test_columns_and_long_tables_are_read_and_bad_lines_are_kept_with_a_reason(tmp_path):
    (tmp_path / "labels.csv").write_text("image,part,label.anna,label.ben\na.png,p,ok,pit\n,p,ok,ok\nb.png,q,,ok\n")
    wide = read_opinions(tmp_path)
    assert wide.said == {"a.png": {"anna": "ok", "ben": "pit"}, "b.png": {"ben": "ok"}}
    assert [(one.where, one.reason) for one in wide.refused] == [("labels.csv:3", "'image' is empty")]
    rows = ["a.png,anna,ok,2026-01-02", "a.png,anna,pit,2026-01-01", "b.png,,ok,", "b.png,ben,ok,"]
    (tmp_path / "labellers.csv").write_text("image,labeller,label,time\n" + "\n".join(rows) + "\n")
    long = read_opinions(tmp_path)
    assert long.said == {"a.png": {"anna": "ok"}, "b.png": {"ben": "ok"}}
    assert long.refused[0].reason == "'labeller' is empty"


@pytest.mark.fault("T04")
def test_a_line_of_another_length_gives_nobody_anothers_opinion(tmp_path):
    lines = ["image,part,label,label.anna, label.ben ", "a.png,p1,ok,ok,pit", "", '"c\n.png",p3,ok,ok,ok']
    lines += ["b.png,ok,ok,pit", "d.png,p,5,ok,dent,ok", 'e.png,"p6,ok,ok,ok', "f.png,p7,ok,pit,pit"]
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-16")
    found = read_opinions(tmp_path)
    assert found.said == {
        "a.png": {"anna": "ok", "ben": "pit"},
        "c\n.png": {"anna": "ok", "ben": "ok"},
        "f.png": {"anna": "pit", "ben": "pit"},
    }
    assert [(one.where, one.reason) for one in found.refused][:2] == [
        ("labels.csv:6", "4 fields, expected 5"),
        ("labels.csv:7", "6 fields, expected 5"),
    ]
    assert found.refused[2].where == "labels.csv:8"


def test_the_latest_opinion_counts_whatever_its_time_zone_and_an_unclear_time_is_refused(tmp_path):
    rows = ["a.png,anna,pit,2026-11-22T10:30:00Z", "a.png,anna,ok,2026-11-22T11:00:00+01:00", "b.png,anna,ok,99"]
    rows += ["b.png,anna,pit,1000", "b.png,anna,stain,", "c.png,anna,ok,22.11.2026 10:30", "c.png,ben,ok,"]
    (tmp_path / "labellers.csv").write_text("image,labeller,label,time\n" + "\n".join(rows) + "\n")
    found = read_opinions(tmp_path)
    assert found.said == {"a.png": {"anna": "pit"}, "b.png": {"anna": "pit"}, "c.png": {"ben": "ok"}}
    (refused,) = found.refused
    assert (refused.where, refused.reason[:28]) == ("labellers.csv:7", "'time' is '22.11.2026 10:30'")


def test_a_folder_without_opinions_is_one_line(tmp_path):
    (tmp_path / "labels.csv").write_text("image,part,label\na.png,p,ok\n")
    with pytest.raises(Rejected, match=r"columns such as label\.anna"):
        read_opinions(tmp_path)
    done = CliRunner().invoke(main, ["labels", "agreement", str(tmp_path / "nowhere")])
    assert done.exit_code == 3
    assert done.output.count("\n") == 1


def test_the_command_says_kappa_disputes_and_writes_what_was_agreed_on(tmp_path):
    given = people([n % 3 for n in range(30)], {"anna": 0.9, "ben": 0.8, "chiara": 0.9})
    names = given.labellers
    lines = [",".join(["image", "part", *(f"label.{name}" for name in names)])]
    lines += [",".join([image, image[:3], *(one[name] for name in names)]) for image, one in given.said.items()]
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    agreed = tmp_path / "agreed.csv"
    done = CliRunner().invoke(main, ["labels", "agreement", str(tmp_path), "--consensus", str(agreed)])
    assert done.exit_code == 0, done.output
    assert "Fleiss's kappa 0." in done.output
    assert "pictures are disputed" in done.output
    assert agreed.read_text().splitlines()[0] == "image,label,sure,disputed"
    assert len(agreed.read_text().splitlines()) == 31
    found = json.loads(CliRunner().invoke(main, ["labels", "agreement", str(tmp_path), "--json"]).output)
    assert found["kappa"]["kind"] == "fleiss"
    assert found["disputed"][0]["sure"] <= found["disputed"][-1]["sure"]


def test_what_was_agreed_on_goes_into_the_table_and_all_else_stays(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text('\ufeffimage,mask,part,label,note\na.png,m.png,p1,ok,"x, y"\nb.png,,p2,pit,\nc.png,,p3,ok,\n')
    lines = [f"{image},{who},{label}" for image, label in (("a.png", "pit"), ("b.png", "pit")) for who in "xyz"]
    (tmp_path / "labellers.csv").write_text("image,labeller,label\n" + "\n".join([*lines, "gone.png,x,ok"]) + "\n")
    done = CliRunner().invoke(main, ["labels", "agreement", str(tmp_path), "--apply"])
    assert done.exit_code == 0
    assert "1 labels of labels.csv were changed\n  a.png: ok became pit" in done.output
    assert table.read_text() == (
        'image,mask,part,label,note\na.png,m.png,p1,pit,"x, y"\nb.png,,p2,pit,\nc.png,,p3,ok,\n'
    )
    before = table.stat().st_mtime_ns
    again = json.loads(CliRunner().invoke(main, ["labels", "agreement", str(tmp_path), "--apply", "--json"]).output)
    assert again["changed"] == []
    assert table.stat().st_mtime_ns == before
    table.write_text("image,part,label\na.png,p1\n")
    ragged = CliRunner().invoke(main, ["labels", "agreement", str(tmp_path), "--apply"])
    assert ragged.exit_code == 3
    assert "record 2 has not 3 fields" in ragged.output
