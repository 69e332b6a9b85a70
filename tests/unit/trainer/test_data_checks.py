import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import statistics_pb2

from edge_agent.contracts.errors import Rejected
from trainer.data.quarantine import by_kind, check_bad, kind_of
from trainer.reports.check import show_check
from trainer.reports.deciles import decile_strips
from trainer.reports.statistics import shared_values, slice_views, statistics_page
from trainer.validation.feature_skew import feature_skew
from trainer.validation.record_checks import idle_features, not_in_recipe, thin, torn_parts, unknown_values

TRAIN = {"@part": ["a", "a", "b", "c"], "label": ["ok", "ok", "pit", "rust"], "@row": ["1", "2", "3", "4"]}


@pytest.mark.fault("T08")
def test_parts_in_two_splits_are_listed():
    (line,) = torn_parts({"train": TRAIN, "test": {"@part": ["b", "d"]}, "eval": {}})
    assert line.startswith("part: 1 parts have pictures in two splits or more (b); a part belongs to one split whole")
    assert list(torn_parts({"train": TRAIN})) == []


@pytest.mark.fault("T07")
def test_an_unknown_value_is_counted_and_placed():
    ((value, line),) = unknown_values("train", "label", TRAIN, ["ok", "pit"])
    assert (value, line) == ("rust", "train: label 'rust' in 1 records (4) is not in the schema (ok, pit)")
    assert list(unknown_values("train", "station", TRAIN, ["A"])) == []


def test_a_label_that_the_schema_has_and_the_recipe_lacks_is_told():
    (line,) = not_in_recipe("label", {"train": TRAIN}, ["ok", "pit"], ["ok", "pit", "rust"])
    assert line == "label: 'rust' in 1 records is not in the recipe (ok, pit); add it to labels.defects"
    assert list(not_in_recipe("label", {"train": TRAIN}, ["ok", "pit"], ["ok", "pit"])) == []


def test_brackets_in_names_are_shown_as_they_are(capsys):
    found = {
        "pictures": 2,
        "parts": 2,
        "bad": [],
        "kinds": {kind_of("missing"): 1},
        "unknown_labels": [],
        "torn_parts": ["[i]p"],
    }
    found["bad"] = [{"path": "[/old]/a.png", "sha256": "", "reason": "missing"}]
    leaks = {"counts": dict.fromkeys(("label", "near", "part", "same", "split"), 0), "near": [], "same": []}
    show_check({**found, "labels": {"[/b] :ok:": 2}, "odd": [], "leaks": {**leaks, "too_many": False}}, ["[/span]"])
    said = capsys.readouterr().out
    assert all(text in said for text in ("[/old]/a.png", "[/b] :ok:", "[/span]", "[i]p"))


def test_a_split_without_defects_is_no_evidence():
    (line,) = thin({"train": TRAIN, "eval": {"@part": ["z"], "label": ["ok"]}}, "label", "ok")
    assert line == "eval: 0 defective and 1 good parts: insufficient evidence"


_STATISTICS = """
datasets {
  name: "All Examples" num_examples: 10
  features { path { step: "torque" } type: FLOAT num_stats { common_stats { num_non_missing: 10 tot_num_values: 10 }
    mean: 3 std_dev: 0 min: 3 max: 3 median: 3
    histograms { type: STANDARD buckets { low_value: 3 high_value: 3 sample_count: 10 } } } }
  features { path { step: "force" } type: FLOAT num_stats { common_stats { num_non_missing: 8 tot_num_values: 8 }
    mean: 2 std_dev: 1 min: 0 max: 4 median: 2 num_zeros: 2
    histograms { type: STANDARD buckets { low_value: 0 high_value: 2 sample_count: 4 }
      buckets { low_value: 2 high_value: 4 sample_count: 4 } }
    histograms { type: QUANTILES buckets { low_value: 0 high_value: 1 sample_count: 4 }
      buckets { low_value: 1 high_value: 4 sample_count: 4 } } } }
  features { path { step: "<b>station" } type: STRING string_stats {
    common_stats { num_non_missing: 10 tot_num_values: 10 }
    unique: 2 avg_length: 1 top_values { value: "A&B" frequency: 7 } top_values { value: "C" frequency: 3 } } }
  features { path { step: "lot" } type: STRING string_stats { common_stats { num_missing: 10 } } }
}
datasets { name: "station_A" num_examples: 7
  features { path { step: "force" } type: FLOAT num_stats { common_stats { num_non_missing: 7 tot_num_values: 7 }
    mean: 2 min: 1 max: 3 std_dev: 1 } } }
"""


@pytest.fixture
def statistics():
    return text_format.Parse(_STATISTICS, statistics_pb2.DatasetFeatureStatisticsList())


@pytest.mark.fault("T10")
def test_constant_and_empty_features_are_told_unless_they_may_be_so(statistics):
    assert list(idle_features("train", statistics.datasets[0], ["station"])) == [
        "train: torque is 3 in every record: nothing can be learned from it",
        "train: lot is empty in all 10 records; fill it or leave the column out",
    ]
    assert list(idle_features("train", statistics.datasets[0], ["torque", "lot"])) == []


def test_the_page_of_statistics_shows_every_slice_and_feature_and_needs_no_network(statistics):
    page = statistics_page({"train": statistics, "eval": statistics}, "a <title>")
    for text in ("all records", "station_A", "constant", "empty", "&lt;b&gt;station", "A&amp;B", "a &lt;title&gt;"):
        assert text in page
    assert "http" not in page
    assert page.count("<article") == 5


def test_the_views_hold_what_is_missing_and_zero(statistics):
    whole, station = slice_views({"train": statistics}, {"train": "red"})
    assert (whole.name, whole.records, station.name) == ("", (("train", "red", 10),), "station_A")
    force = next(feature for feature in whole.features if feature.name == "force")
    assert force.splits[0].missing == pytest.approx(0.2)
    assert dict(force.splits[0].rows)["zero"] == "25.0 %"
    assert len(force.charts) == 2
    text = next(feature for feature in whole.features if feature.kind == "text" and feature.name != "lot")
    assert shared_values(text.splits) == ["A&B", "C"]


def test_deciles_are_drawn_over_one_axis():
    edges = [float(value) for value in np.linspace(0, 10, 11)]
    drawn = decile_strips([("train", edges, "red"), ("eval", [edge + 5 for edge in edges], "blue")])
    assert drawn.count("<rect") == 2
    assert 'x1="1.0"' in drawn
    assert decile_strips([]) == ""


def test_feature_skew_is_told_by_feature_with_records():
    training = {"p1 a": {"b": 100.0, "t": "x", "only": 1.0}, "p2 a": {"b": 50.0, "t": "y"}, "p3 a": {"b": 1.0}}
    serving = {"p1 a": {"b": 100.05, "t": "x"}, "p2 a": {"b": 70.0, "t": "z"}, "p9 a": {"b": 3.0}}
    found = feature_skew(training, serving)
    assert [(skew.feature, skew.compared, skew.differing, skew.examples) for skew in found] == [
        ("b", 2, 1, ("p2 a",)),
        ("t", 2, 1, ("p2 a",)),
    ]
    assert found[0].line.startswith("b: 1 of 2 records have another value in the serving data (p2 a)")
    assert feature_skew(training, serving, ("b", "t")) == []


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("not a readable picture (12 bytes): the png file is cut off", "cut off"),
        ("picture claims 60000 x 60000 pixels; at most 64 megapixels are read", "too large"),
        ("cannot be read (No such file or directory)", "missing"),
        ("cannot be read (Permission denied)", "not readable"),
        ("not a readable picture (0 bytes); expected JPEG, PNG, BMP or TIFF", "empty"),
        ("leads outside the folder by a link; copy the file into it", "outside the folder"),
        ("'part' is empty", "line of the table"),
        ("something else", "other"),
    ],
)
def test_reasons_have_kinds(reason, kind):
    assert kind_of(reason) == kind


def _bad(count):
    return [{"path": f"{n}.png", "sha256": "", "reason": "cannot be read (No such file)"} for n in range(count)]


@pytest.mark.fault("T01")
def test_the_limit_is_a_share_and_counts_good_and_bad():
    assert by_kind(_bad(3)) == {"missing": 3}
    check_bad(_bad(10), 10_000, 0.001, 9990)
    with pytest.raises(Rejected, match=r"11 of 10000 pictures are bad, more than max_bad 0\.10% allows") as found:
        check_bad(_bad(11), 10_000, 0.001, 9989)
    assert found.value.exit_code == 3
    with pytest.raises(Rejected, match="no usable row is left"):
        check_bad([], 0, 0.0, 0, "rows")
