"""The saved graph of TensorFlow Transform: applied to tables, and the part of it that a device can run.

A device's graph takes numbers alone. What TFT makes of numbers is taken over operation by operation; what it makes of
one text column is the same for the same text, so it is asked for every known value and becomes a table of constants.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow_transform import tf2_utils

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.row import RowColumn, RowContract

Arrays = dict[str, npt.NDArray[Any]]
FOLDER = "transform_fn"
_UNKNOWN = "\x00 no value of any training row \x00"


class TransformGraph:
    """What `preprocessing_fn` became. `outputs` are its names in order."""

    def __init__(self, folder: Path, contract: RowContract) -> None:
        self._loaded = tf.saved_model.load(str(folder / FOLDER))
        self.contract = contract
        self._function = self._loaded.transform_fn
        graph = self._function.graph
        self._inputs = dict(tf2_utils.get_structured_inputs_from_func_graph(graph))
        self._made = dict(tf.nest.pack_sequence_as(graph.structured_outputs, graph.outputs, expand_composites=True))
        self.outputs = sorted(self._made)

    def apply(self, numbers: Mapping[str, npt.NDArray[np.float32]], texts: Mapping[str, Any]) -> Arrays:
        """Transform whole columns: numbers with NaN and texts with "" for what is missing."""
        raw = {name: tf.constant(values, tf.float32) for name, values in numbers.items()}
        raw |= {name: tf.constant(list(values), tf.string) for name, values in texts.items()}
        return {name: value.numpy() for name, value in self._loaded.transform_fn(raw).items()}

    def sources(self) -> dict[str, set[str]]:
        """Return, of each output, the columns that it depends on."""
        names = {tensor.op.name: name for name, tensor in self._inputs.items()}
        return {name: {names[op] for op in _ancestors(self._made[name].op) if op in names} for name in self.outputs}

    def answers(self) -> Arrays:
        """Return, of each output made of a text, what it is for every place that a device may ask for.

        Raises Rejected for an output that no device could compute.
        """
        columns = self._text_outputs()
        made = {column.name: self._answers(column) for column in set(columns.values())}
        return {name: made[column.name][name] for name, column in columns.items()}

    def _text_outputs(self) -> dict[str, RowColumn]:
        kinds = {column.name: column for column in self.contract.columns}
        found: dict[str, RowColumn] = {}
        for name, columns in self.sources().items():
            texts = sorted(column for column in columns if kinds[column].kind == "text")
            if texts and len(columns) > 1:
                raise Rejected(
                    f"preprocessing_fn: output '{name}' is made of {', '.join(sorted(columns))} together; a device "
                    "looks each text up alone, so make one output of each text column and join them in build_model"
                )
            if texts:
                found[name] = kinds[texts[0]]
        return found

    def servable(self) -> Servable:
        """Return what a device can run. Raises as `answers`."""
        columns, answers = self._text_outputs(), self.answers()
        tables = {name: (self.contract.columns.index(column), answers[name]) for name, column in columns.items()}
        fetched = {name: self._made[name].name for name in self.outputs if name not in tables}
        return Servable(self._function.graph, self._inputs, fetched, tables, self.contract)

    def _answers(self, column: RowColumn) -> Arrays:
        """Return the outputs for every known value, an unknown and a missing one, in the order of their places."""
        values = [*column.values, _UNKNOWN, ""]
        count = len(values)
        numbers = {c.name: np.zeros(count, np.float32) for c in self.contract.columns if c.kind == "number"}
        texts = {c.name: [""] * count for c in self.contract.columns if c.kind == "text"}
        return self.apply(numbers, texts | {column.name: values})


class Servable:
    """The transform as operations on one `row` tensor (n, columns) of float32."""

    def __init__(
        self,
        graph: Any,
        inputs: Mapping[str, Any],
        fetched: Mapping[str, str],
        tables: Mapping[str, tuple[int, npt.NDArray[Any]]],
        contract: RowContract,
    ) -> None:
        self._inputs, self._fetched, self._tables, self._contract = inputs, dict(fetched), tables, contract
        self._captured = {inner.name: outer for outer, inner in graph.captures}
        self._graph = _part(graph.as_graph_def(), [_of(tensor) for tensor in fetched.values()]) if fetched else None

    def __call__(self, row: Any) -> dict[str, Any]:
        """Return the outputs of `preprocessing_fn` for rows."""
        found: dict[str, Any] = {}
        if self._graph is not None:
            there = {node.name for node in self._graph.node}
            feeds = {
                self._inputs[column.name].name: row[:, place]
                for place, column in enumerate(self._contract.columns)
                if column.kind == "number"
            }
            feeds |= {name: tf.constant(outer.numpy()) for name, outer in self._captured.items() if _of(name) in there}
            feeds = {name: value for name, value in feeds.items() if _of(name) in there}
            made = tf.graph_util.import_graph_def(self._graph, feeds, list(self._fetched.values()), name="transform")
            found = dict(zip(self._fetched, made, strict=True))
        for name, (place, answers) in self._tables.items():
            found[name] = tf.gather(tf.constant(answers), tf.cast(row[:, place], tf.int32))
        return found


def _of(tensor: str) -> str:
    return tensor.partition(":")[0]


def _part(graph: Any, wanted: list[str]) -> Any:
    """Return what the wanted operations are made of; TFT makes every output wait for every look-up, which is left."""
    for node in graph.node:
        data = [name for name in node.input if not name.startswith("^")]
        del node.input[:]
        node.input.extend(data)
    return tf.compat.v1.graph_util.extract_sub_graph(graph, wanted)


def _ancestors(operation: Any) -> set[str]:
    """Return the names of all operations that one is made of, itself included."""
    seen: set[str] = set()
    waiting = [operation]
    while waiting:
        op = waiting.pop()
        if op.name not in seen:
            seen.add(op.name)
            waiting += [tensor.op for tensor in op.inputs]
    return seen
