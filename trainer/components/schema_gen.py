"""SchemaGen: what the data must look like, inferred from the training statistics; ImportSchemaGen: reviewed by people.

Environments: TRAINING has labels, SERVING has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import Rejected
from trainer.components.statistics_gen import load_statistics
from trainer.pipeline.step import Context

FILE = "schema.pbtxt"
TRAINING, SERVING = "TRAINING", "SERVING"


def schema_gen(
    statistics: Path, schema: Path, labels: Sequence[str], rules: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """Write `schema.pbtxt`, inferred from the statistics of the split `train`.

    `rules` say what one data set cannot: `label` is the label's column, `only_training` the columns that serving data
    lacks, `always` those that every record has (empty = as inferred), `needed_from` the share of records from which on
    a column must be there though records may lack it, `ranges` the (least, greatest) value of numbers.
    Raises Rejected when there are no training statistics.
    """
    from google.protobuf import text_format

    context.progress("inferring", None)
    train = load_statistics(statistics, "train")
    if train is None:
        raise Rejected("there are no training records to infer a schema from; add some")
    found = inferred(train, labels, rules)
    (schema / FILE).write_text(text_format.MessageToString(found), encoding="utf-8")
    return {"schema": {"reviewed": False}}


def import_schema_gen(schema: Path, reviewed: str, context: Context) -> dict[str, Any]:
    """Write the reviewed schema, given as text; nothing is inferred. Raises Rejected where it is no schema.

    One from elsewhere may lack the environments that data is checked in; these are added.
    """
    from google.protobuf import text_format

    context.progress("reading the reviewed schema", None)
    found = parsed(reviewed, "the reviewed schema")
    found.default_environment.extend(one for one in (TRAINING, SERVING) if one not in found.default_environment)
    (schema / FILE).write_text(text_format.MessageToString(found), encoding="utf-8")
    return {"schema": {"reviewed": True, "reasons": ["reviewed schema"]}}


def inferred(train: Any, labels: Sequence[str], rules: Mapping[str, Any]) -> Any:
    """Return the Schema that the statistics suggest, see `schema_gen`."""
    import tensorflow_data_validation as tfdv

    schema = tfdv.infer_schema(train, infer_feature_shape=True, max_string_domain_size=0)
    schema.default_environment.extend([TRAINING, SERVING])
    label = rules["label"]
    filled = _filled(train.datasets[0])
    for feature in schema.feature:
        if feature.name in rules["only_training"]:
            feature.not_in_environment.append(SERVING)
        if rules["always"] and feature.name not in rules["always"]:
            make_optional(feature)
            feature.presence.min_count = int(filled.get(feature.name, 0.0) >= rules["needed_from"])
        if feature.type == 1:
            feature.ClearField("domain_info")
        if feature.name in rules["ranges"]:
            feature.float_domain.min, feature.float_domain.max = rules["ranges"][feature.name]
    if labels and label in {feature.name for feature in schema.feature}:
        schema.string_domain.add(name=label).value.extend(labels)
        tfdv.get_feature(schema, label).domain = label
    return schema


def _filled(dataset: Any) -> dict[str, float]:
    """Return of each feature the share of records that have it."""
    counts = {
        ".".join(feature.path.step): getattr(feature, feature.WhichOneof("stats")).common_stats.num_non_missing
        for feature in dataset.features
    }
    return {name: count / max(dataset.num_examples, 1) for name, count in counts.items()}


def make_optional(feature: Any) -> None:
    """Let records lack a feature."""
    feature.presence.min_fraction = 0
    feature.presence.min_count = 0
    feature.ClearField("shape")
    feature.value_count.max = 1


def parsed(text: str, source: str) -> Any:
    """Return the Schema that a text holds. Raises Rejected naming the source for any other text."""
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        return text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise Rejected(f"{source} is not a TensorFlow metadata schema: {error}") from error


def load_schema(schema: Path) -> Any:
    """Read the Schema proto of a Schema artifact."""
    return parsed((schema / FILE).read_text(encoding="utf-8"), str(schema / FILE))
