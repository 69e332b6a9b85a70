"""Transform of tables: TensorFlow Transform's graph, one for training and serving, and the rows that it makes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_agent.contracts.encoding import canonical_json
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.row import RowContract
from trainer.data.manifest import SPLITS
from trainer.own_code import PREPROCESSING, OwnCode
from trainer.pipeline.step import Context
from trainer.tabular.contract import FILE, contract_of
from trainer.tabular.examples import read_columns, read_split
from trainer.tabular.features import feature_of, write_features, write_outputs
from trainer.tabular.preprocess import Preprocessing, default_preprocessing
from trainer.tabular.values import Typed

if TYPE_CHECKING:
    from trainer.tabular.graph import TransformGraph

_ROWS_ALONE = 4


def table_transform(
    examples: Path,
    anomalies: Path,
    transform_graph: Path,
    transformed: Path,
    buckets: Mapping[str, int],
    vocabulary_max: int,
    module: str,
    context: Context,
    beam: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Analyse the training split once and write the TransformGraph, with `inputs.json`, the input contract, beside it.

    `transformed` gets the outputs of all splits: `Split-<name>/<number>.npy`, and `features.json` says what they are.
    `anomalies` is there because data that was not blessed is not analysed. `beam` names the runner that analyses.
    """
    from trainer.tabular.graph import TransformGraph

    context.progress("reading the training split", None)
    train = read_split(examples, "train")
    if not len(next(iter(train.texts.values()))):
        raise Rejected("there are no training rows to analyse; add parts")
    texts = read_columns(examples)["texts"]
    contract = contract_of(train, texts, vocabulary_max)
    unknown = sorted(set(buckets) - set(train.numbers))
    if unknown:
        raise Rejected(f"transform.buckets names '{unknown[0]}', which is no column of numbers; correct it")
    own = OwnCode(module).function(PREPROCESSING, 1)
    (transform_graph / FILE).write_bytes(canonical_json(contract))
    context.progress("analysing", None)
    where = beam if beam.get("runner") else None
    function = checked(own) if own else default_preprocessing(contract, buckets)
    analyse(train, contract, function, transform_graph, where)
    graph = TransformGraph(transform_graph, contract)
    made = {}
    for number, name in enumerate(SPLITS):
        context.progress(f"transforming {name}", number / len(SPLITS))
        table = train if name == "train" else read_split(examples, name)
        made[name] = graph.apply(table.numbers, {text: table.texts[text] for text in texts})
        write_outputs(made[name], transformed / f"Split-{name}")
    if own:
        check_alone(graph, train, texts, made["train"])
    answers = graph.answers()
    features = {name: feature_of([made[split][name] for split in SPLITS], answers.get(name)) for name in graph.outputs}
    write_features(features, transformed)
    return {"transform_graph": {"own": int(own is not None)}, "transformed": {"split_names": json.dumps(SPLITS)}}


def checked(own: Preprocessing) -> Preprocessing:
    """Return the user's function; what it returns is looked at, and told when it cannot be used."""

    def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
        outputs = own(dict(inputs))
        if not isinstance(outputs, dict) or not outputs:
            found = type(outputs).__name__ if not isinstance(outputs, dict) else "an empty dict"
            raise Rejected(f"preprocessing_fn returns {found}, expected a dict of tensors by name")
        return {name: _usable(name, value) for name, value in outputs.items()}

    return preprocessing_fn


def _usable(name: Any, value: Any) -> Any:
    """Return an output as int64 or float32, the two that TensorFlow Transform knows. Raises Rejected for no tensor."""
    import tensorflow as tf

    if not isinstance(name, str) or not name or "/" in name:
        raise Rejected(f"preprocessing_fn: output {name!r} needs another name: a text without '/'")
    if not isinstance(value, tf.Tensor) or value.dtype == tf.string:
        found = f"{value.dtype.name} tensor" if isinstance(value, tf.Tensor) else type(value).__name__
        raise Rejected(f"preprocessing_fn: output '{name}' is a {found}, expected a dense tensor of numbers")
    if value.shape.rank is None or value.shape[1:].num_elements() is None:
        raise Rejected(f"preprocessing_fn: output '{name}' has shape {value.shape}, expected (rows, …) known")
    if value.shape.rank == 0 or value.shape[0] is not None:
        raise Rejected(
            f"preprocessing_fn: output '{name}' has shape {value.shape}, expected (rows, …): it is not made of the "
            "rows, but the same for all of them"
        )
    return tf.cast(value, tf.int64 if value.dtype.is_integer or value.dtype.is_bool else tf.float32)


def check_alone(graph: TransformGraph, train: Typed, texts: Sequence[str], together: Mapping[str, Any]) -> None:
    """Raise Rejected where a row by itself, as a device sees it, becomes something else than among the others."""
    for row in range(min(_ROWS_ALONE, len(next(iter(together.values()))))):
        numbers = {name: values[row : row + 1] for name, values in train.numbers.items()}
        for name, value in graph.apply(numbers, {text: train.texts[text][row : row + 1] for text in texts}).items():
            if not np.allclose(value[0], together[name][row], rtol=1e-3, atol=1e-5, equal_nan=True):
                raise Rejected(
                    f"preprocessing_fn: output '{name}' of a row depends on the rows beside it, and a device sees one "
                    "row at a time; use tft.mean and the like, which look at all training rows once"
                )


def analyse(train: Typed, contract: RowContract, function: Preprocessing, target: Path, where: Any = None) -> None:
    """Run TFT's analysis over the training rows and write its graph: a missing number is NaN, a missing text ""."""
    import tensorflow as tf

    from trainer.beam import tft_in_memory

    columns: dict[str, Any] = {}
    spec = {}
    for column in contract.columns:
        number = column.kind == "number"
        columns[column.name] = (
            train.numbers[column.name] if number else [text.encode() for text in train.texts[column.name]]
        )
        spec[column.name] = tf.io.FixedLenFeature([], tf.float32 if number else tf.string)
    tft_in_memory.analyse(function, columns, spec, target, where=where)
