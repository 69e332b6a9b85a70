"""What a `.tflite` file consists of, read from its bytes: operators with versions, number formats, names.

Nothing is executed, so this is safe for a file nobody trusts yet.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from typing import Any

from edge_agent.contracts.errors import Rejected

_IDENTIFIER = b"TFL3"


@dataclass(frozen=True)
class Operator:
    """One node: the operator's name (a custom one by its own name), its version, its layer, its tensors' formats."""

    name: str
    version: int
    custom: bool
    layer: str
    formats: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """All nodes of all subgraphs, and the formats of the first subgraph's inputs and outputs."""

    operators: tuple[Operator, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def versions(self) -> dict[str, int]:
        """The highest version of each operator."""
        table: dict[str, int] = {}
        for op in self.operators:
            table[op.name] = max(op.version, table.get(op.name, 0))
        return dict(sorted(table.items()))


def read_graph(data: bytes) -> Graph:
    """Read the bytes of a `.tflite` file. Raises Rejected for anything that is not one."""
    if data[4:8] != _IDENTIFIER:
        raise Rejected(f"no TFLite file: its identifier is {data[4:8]!r}, expected {_IDENTIFIER!r}")
    try:
        model = _schema().Model.GetRootAs(data, 0)
        graphs = [model.Subgraphs(index) for index in range(model.SubgraphsLength())]
        operators = tuple(op for graph in graphs for op in _operators(model, graph))
        first = graphs[0]
        inputs = tuple(_format(first, first.Inputs(i)) for i in range(first.InputsLength()))
        outputs = tuple(_format(first, first.Outputs(i)) for i in range(first.OutputsLength()))
    except (struct.error, IndexError, TypeError, AttributeError, UnicodeDecodeError, KeyError, ValueError) as error:
        raise Rejected(f"no whole TFLite file ({type(error).__name__}: {error}); convert or fetch it again") from error
    return Graph(operators, inputs, outputs)


@cache
def _schema() -> Any:
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


@cache
def _names(enumeration: str) -> dict[int, str]:
    kind = getattr(_schema(), enumeration)
    return {value: name for name, value in vars(kind).items() if name.isupper()}


def _operators(model: Any, graph: Any) -> list[Operator]:
    return [_operator(model, graph, graph.Operators(index)) for index in range(graph.OperatorsLength())]


def _operator(model: Any, graph: Any, node: Any) -> Operator:
    code = model.OperatorCodes(node.OpcodeIndex())
    custom = code.CustomCode()
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name = custom.decode() if custom else _names("BuiltinOperator").get(builtin, f"OPERATOR_{builtin}")
    tensors = [node.Inputs(i) for i in range(node.InputsLength())]
    results = [node.Outputs(i) for i in range(node.OutputsLength())]
    layer = graph.Tensors(results[0]).Name().decode() if results else ""
    formats = tuple(_format(graph, index) for index in (*tensors, *results) if index >= 0)
    return Operator(name, int(code.Version()), bool(custom), layer, formats)


def _format(graph: Any, index: int) -> str:
    return _names("TensorType")[graph.Tensors(index).Type()]
