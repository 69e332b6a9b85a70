from pathlib import Path

import pytest
from click.testing import CliRunner
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from edge_agent.contracts.errors import ConfigError, Rejected
from trainer.cli import main
from trainer.components.schema_gen import parsed
from trainer.validation import schema_changes
from trainer.validation.anomaly_lines import accept_value, accepting, distances, from_tfdv, in_root

TEXT = """
feature { name: "label" type: BYTES domain: "label" presence { min_fraction: 1 } not_in_environment: "SERVING" }
feature { name: "brightness" type: FLOAT presence { min_fraction: 1 } float_domain { min: 0 max: 255 } }
feature { name: "station" type: BYTES presence { min_count: 0 } }
string_domain { name: "label" value: "ok" value: "pit" }
"""


@pytest.fixture
def schema():
    return text_format.Parse(TEXT, schema_pb2.Schema())


def _row(schema, name):
    return next(row for row in schema_changes.rows(schema) if row["feature"] == name)


def test_a_value_is_accepted_once_and_named(schema):
    assert schema_changes.accept_values(schema, "label", ["dent", "ok"]) == ["label: value 'dent' accepted"]
    assert schema_changes.accept_values(schema, "label", ["dent"]) == []
    assert _row(schema, "label")["values"] == "ok, pit, dent"
    assert _row(schema, "label")["changes"] == ["value 'dent' accepted"]


def test_what_has_no_domain_has_nothing_to_accept(schema):
    with pytest.raises(Rejected, match="station may have any value already"):
        schema_changes.accept_values(schema, "station", ["x"])


def test_an_unknown_feature_is_answered_by_those_there_are(schema):
    with pytest.raises(ConfigError, match="no feature 'lable'; it has brightness, label, station"):
        schema_changes.accept_missing(schema, "lable")


def test_ranges_presence_and_distances(schema):
    before = parsed(text_format.MessageToString(schema), "a copy")
    assert schema_changes.accept_range(schema, "brightness", None, 300) == ["brightness: range 0 to 300 accepted"]
    assert schema_changes.accept_missing(schema, "brightness") == ["brightness: may be missing"]
    assert schema_changes.accept_distance(schema, "brightness", "drift", 0.3) == [
        "brightness: drift up to 0.3 accepted"
    ]
    assert schema_changes.accept_distance(schema, "station", "skew", 0.1) == ["station: skew up to 0.1 accepted"]
    assert schema_changes.accept_new(schema, "torque", "float") == ["torque: new feature accepted"]
    assert schema_changes.differences(before, schema) == [
        "torque: is new (number)",
        "brightness: presence from always to may be missing",
        "brightness: values from 0 to 255 to 0 to 300",
        "brightness: limits from none to drift Jensen-Shannon 0.3",
        "station: limits from none to skew L-infinity 0.1",
    ]
    with pytest.raises(Rejected, match="label is a text and has no range"):
        schema_changes.accept_range(schema, "label", 0, None)


def test_text_that_is_no_schema_is_refused_with_its_source():
    with pytest.raises(Rejected, match=r"work/schema\.pbtxt is not a TensorFlow metadata schema"):
        parsed("feature {", "work/schema.pbtxt")


def _anomalies(text):
    return text_format.Parse(text, anomalies_pb2.Anomalies())


def test_an_anomaly_is_one_line_with_what_to_type():
    found = _anomalies(
        """
        anomaly_info { key: "torque" value { severity: ERROR description: "Column is completely missing. "
          reason { type: SCHEMA_MISSING_COLUMN } } }
        anomaly_info { key: "extra" value { severity: WARNING description: "New column"
          reason { type: SCHEMA_NEW_COLUMN } } }
        anomaly_info { key: "label" value { severity: ERROR description: "spoken of elsewhere" } }
        """
    )
    assert list(from_tfdv("eval", found, {"extra": "float"}, frozenset({"label"}))) == [
        (
            False,
            "eval: extra: New column; remove the column, or accept it: "
            "trainer schema accept --root ROOT --feature extra --new float",
        ),
        (
            True,
            "eval: torque: Column is completely missing; add the column, or accept it: "
            "trainer schema accept --root ROOT --feature torque --optional",
        ),
    ]


def test_a_distance_that_is_too_large_names_the_limit_that_would_let_it_pass():
    found = _anomalies(
        """
        anomaly_info { key: "brightness" value { severity: ERROR description: "too far"
          reason { type: COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH } } }
        drift_skew_info { path { step: "brightness" }
          drift_measurements { type: JENSEN_SHANNON_DIVERGENCE value: 0.2334 threshold: 0.1 }
          skew_measurements { type: JENSEN_SHANNON_DIVERGENCE value: 0.02 threshold: 0.1 } }
        """
    )
    ((blocks, line),) = from_tfdv("train", found, {})
    assert blocks
    assert line.endswith("trainer schema accept --root ROOT --feature brightness --drift 0.24")
    assert distances(found)[0] == {
        "feature": "brightness",
        "against": "drift",
        "measure": "JENSEN_SHANNON_DIVERGENCE",
        "value": 0.2334,
        "limit": 0.1,
    }


def test_values_with_signs_are_quoted_for_the_shell():
    assert accept_value("label", "two words").endswith("--value 'two words'")
    assert accept_value("label", "it's").endswith("""--value 'it'"'"'s'""")
    assert accept_value("label", "dent").endswith("--value dent")
    line = accepting("feed force (N)", "--optional")
    assert in_root(line, Path("my root")) == (
        "trainer schema accept --root 'my root' --feature 'feed force (N)' --optional"
    )


def test_a_bound_of_zero_is_something_to_accept(tmp_path):
    words = ["schema", "accept", "--root", str(tmp_path), "--feature", "wear"]
    assert "nothing to accept" in CliRunner().invoke(main, words).output
    assert "nothing ran here yet" in CliRunner().invoke(main, [*words, "--min", "0"]).output
