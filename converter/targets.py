"""Which operators in which version the runtimes can execute. Rules only.

`min_runtime_version` inside a file is often empty, so the operators themselves are compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from converter.flatbuffer import Graph

_FLEX = "Flex"
_NEWER_FAMILY = "STABLEHLO_"


@dataclass(frozen=True)
class Target:
    """A runtime: the highest version of each operator that it registers (unlisted ones are not limited)."""

    name: str
    limits: dict[str, int] = field(default_factory=dict)
    stablehlo: bool = False


_TFLITE_2_14 = {
    **dict.fromkeys(("FULLY_CONNECTED",), 10),
    **dict.fromkeys(("STRIDED_SLICE",), 8),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "MUL"), 7),
    **dict.fromkeys(("GATHER", "SLICE", "TRANSPOSE"), 6),
    **dict.fromkeys(("ABS", "ADD", "CAST", "DEQUANTIZE", "SUB"), 5),
    **dict.fromkeys(("BATCH_MATMUL", "CONCATENATION", "FILL", "MAXIMUM", "MINIMUM", "PACK", "PAD", "PADV2"), 4),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "SPLIT", "TRANSPOSE_CONV", "UNPACK"), 4),
    **dict.fromkeys(("AVERAGE_POOL_2D", "LOGISTIC", "MAX_POOL_2D", "MEAN", "QUANTIZE", "REDUCE_MAX"), 3),
    **dict.fromkeys(("REDUCE_MIN", "RELU", "RELU6", "SOFTMAX", "TANH", "TILE"), 3),
    **dict.fromkeys(("DEPTH_TO_SPACE", "DIV", "EXP", "LEAKY_RELU", "RSQRT", "SPACE_TO_DEPTH", "SQUEEZE", "SUM"), 2),
    **dict.fromkeys(("ELU", "EXPAND_DIMS", "HARD_SWISH", "PRELU", "RESHAPE", "SHAPE", "SQRT", "SQUARE"), 1),
}

TARGETS = {
    target.name: target
    for target in (Target("tflite-runtime-2.14", _TFLITE_2_14), Target("ai-edge-litert-2", {}, True))
}
DEFAULT_TARGET = "tflite-runtime-2.14"


def op_problems(graph: Graph, target: Target) -> list[str]:
    """Return why the runtime cannot execute the graph: custom operators with their layer, versions that are too new."""
    problems = []
    for op in graph.operators:
        newer_family = op.name.startswith(_NEWER_FAMILY) and not target.stablehlo
        if op.custom or op.name.startswith(_FLEX) or newer_family:
            problems.append(f"UNSUPPORTED_OP {op.name} at layer '{op.layer}'")
    for name, version in graph.versions.items():
        if version > (limit := target.limits.get(name, version)):
            problems.append(f"OP_TOO_NEW {name} ({version}>{limit}) for {target.name}")
    return list(dict.fromkeys(problems))


def minimal_runtime(graph: Graph) -> str:
    """Return the oldest known runtime that executes the graph, or "" where none does."""
    return next((target.name for target in TARGETS.values() if not op_problems(graph, target)), "")


def not_integer(graph: Graph, variant: str) -> list[str]:
    """Return the operators and ends of an integer variant that compute in floats; empty = it is what it says.

    int8 has integers at its ends; int16x8 has floats there, and only QUANTIZE and DEQUANTIZE may touch them.
    """
    found = []
    edges = {"QUANTIZE", "DEQUANTIZE"} if variant == "int16x8" else set()
    for op in graph.operators:
        if op.name not in edges and any("FLOAT" in kind for kind in op.formats):
            found.append(f"{op.name} at '{op.layer}'")
    if variant == "int8":
        found += [f"input is {kind}" for kind in graph.inputs if "FLOAT" in kind]
        found += [f"output is {kind}" for kind in graph.outputs if "FLOAT" in kind]
    if not any("INT8" in op.formats for op in graph.operators):
        found.append("no operator has int8 weights")
    return found
