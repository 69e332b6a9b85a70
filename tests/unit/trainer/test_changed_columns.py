"""Columns that are others than in the data before."""

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from trainer.validation.columns import changed_columns, kinds_of
from trainer.validation.schema_changes import accept_gone


def _statistics(**kinds):
    made = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = made.datasets.add()
    for name, kind in kinds.items():
        feature = dataset.features.add()
        feature.path.step.append(name)
        getattr(feature, kind).common_stats.num_non_missing = int(name != "empty")
    return made


def test_renamed_and_new_columns_and_other_kinds_are_told_with_what_to_type():
    before = kinds_of(_statistics(force="num_stats", speed="num_stats", empty="num_stats", same="string_stats"))
    now = kinds_of(_statistics(kraft="num_stats", speed="string_stats", same="string_stats"))
    assert before == {"force": "num_stats", "speed": "num_stats", "same": "string_stats"}
    accept = "or accept it: trainer schema accept --root ROOT --feature"
    assert list(changed_columns(now, before)) == [
        "force: the former data had this column and these have not; kraft is new: was it renamed; add it, "
        f"{accept} force --gone",
        f"kraft: the former data had no such column; remove it, {accept} kraft --optional",
        f"speed: was a number in the former data and is a text now; correct the column, {accept} speed --optional",
    ]
    assert list(changed_columns(now, kinds_of(None))) == []


def test_a_column_that_is_gone_can_be_accepted():
    schema = schema_pb2.Schema()
    for name in ("force", "speed"):
        schema.feature.add().name = name
    assert accept_gone(schema, "force") == ["force: gone, which is accepted"]
    assert [feature.name for feature in schema.feature] == ["speed"]
    assert accept_gone(schema, "force") == ["force: gone, which is accepted"]
