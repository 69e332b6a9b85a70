"""SchemaGen: what the data must look like, inferred from the training statistics and the recipe, or reviewed by people.

Environments: TRAINING has labels, SERVING has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import Rejected
from trainer.components.statistics_gen import load_statistics
from trainer.pipeline.step import Context

FILE = "schema.pbtxt"
TRAINING, SERVING = "TRAINING", "SERVING"
_ONLY_TRAINING = ("label", "masked")
_ALWAYS = ("label", "part", "masked", "brightness", "contrast", "sharpness", "dark_share", "bright_share")
_RANGES = {"brightness": (0.0, 255.0), "contrast": (0.0, 128.0), "dark_share": (0.0, 1.0), "bright_share": (0.0, 1.0)}


def schema_gen(
    statistics: Path, schema: Path, labels: Sequence[str], reviewed: str, context: Context
) -> dict[str, Any]:
    """Write `schema.pbtxt`: the text `reviewed` where it is given, else inferred.

    Raises Rejected for a reviewed schema that is no schema, and when there are no training statistics.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    if reviewed:
        try:
            found = text_format.Parse(reviewed, schema_pb2.Schema())
        except text_format.ParseError as error:
            raise Rejected(f"the reviewed schema is not a TensorFlow metadata schema: {error}") from error
    else:
        context.progress("inferring", None)
        found = _inferred(statistics, labels)
    (schema / FILE).write_text(text_format.MessageToString(found), encoding="utf-8")
    return {"schema": {"reviewed": bool(reviewed)}}


def _inferred(statistics: Path, labels: Sequence[str]) -> Any:
    import tensorflow_data_validation as tfdv

    train = load_statistics(statistics, "train")
    if train is None:
        raise Rejected("there are no training pictures to infer a schema from; add parts")
    schema = tfdv.infer_schema(train, infer_feature_shape=True, max_string_domain_size=0)
    schema.default_environment.extend([TRAINING, SERVING])
    for feature in schema.feature:
        if feature.name in _ONLY_TRAINING:
            feature.not_in_environment.append(SERVING)
        if feature.name not in _ALWAYS:
            feature.presence.min_fraction = 0
            feature.presence.min_count = 0
            feature.ClearField("shape")
            feature.value_count.max = 1
        if feature.name in _RANGES:
            feature.float_domain.min, feature.float_domain.max = _RANGES[feature.name]
    domain = schema.string_domain.add(name="label")
    domain.value.extend(labels)
    tfdv.get_feature(schema, "label").domain = "label"
    return schema


def load_schema(schema: Path) -> Any:
    """Read the Schema proto."""
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    return text_format.Parse((schema / FILE).read_text(encoding="utf-8"), schema_pb2.Schema())
