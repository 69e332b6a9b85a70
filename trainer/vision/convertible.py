"""Whether a network with the user's own operations becomes integers: asked before it is trained for an hour."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from converter.flatbuffer import read_graph
from converter.targets import DEFAULT_TARGET, TARGETS, not_integer, op_problems
from converter.workshop import Answer, Job, Workshop
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Recipe
from trainer.own_code import check_logits
from trainer.vision.export import export
from trainer.vision.network import build, channels
from trainer.vision.own import OwnPictures

_PICTURES = 8
_NAMED = re.compile(r"\btf\.([A-Z]\w+)|for op:? '?([A-Z_0-9]+)|error: '(\w+\.\w+)' op")
"""How TensorFlow's converter names an operator: one that it has not, and one that has no integers."""


def check_convertible(own: OwnPictures, recipe: Recipe, folder: Path) -> None:
    """Convert the network with any weights to int8, in a process of its own; files go to `folder`.

    Raises Rejected, naming the operators that TFLite has not, or not in integers, and as `build` does.
    """
    shape = (_PICTURES, recipe.network.height, recipe.network.width, channels(recipe))
    np.save(folder / "calibration.npy", np.random.default_rng(1).integers(0, 256, shape).astype(np.float32))
    target = folder / "own.tflite"
    job = {"variant": "int8", "calibration": str(folder / "calibration.npy"), "output": str(target)}
    with Workshop(folder / "log") as workshop:
        network = build(recipe, own=own)
        check_logits(network.serving(np.zeros((2, *shape[1:]), np.float32), training=False)["logits"])
        saved = export(network, recipe, folder / "model")
        answer = workshop.run([Job("int8", "tflite", {**job, "export": str(saved)})])["int8"]
    problems = [_reason(answer)] if not answer.ok else []
    if answer.ok:
        graph = read_graph(target.read_bytes())
        floats = [f"no integers in {one}" for one in not_integer(graph, "int8") if "QUANTIZE" not in one]
        problems = [*op_problems(graph, TARGETS[DEFAULT_TARGET]), *floats]
    if problems:
        raise Rejected(
            f"pipeline.module: the network does not become int8 for devices: {'; '.join(problems[:3])}; "
            "use operations that TFLite has in integers (docs/own-code.md)"
        )


def _reason(answer: Answer) -> str:
    """Return which operators the converter names, or its own words."""
    found = [next(filter(None, groups)) for groups in _NAMED.findall(answer.reason)]
    return f"no integer operator for {', '.join(dict.fromkeys(found))}" if found else answer.reason[-300:]
