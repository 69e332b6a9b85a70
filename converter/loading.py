"""Loads the source model in the child process, checks it, exports it with a static batch, and asks it for its answers.

Everything else then works on that SavedModel: `from_keras_model` and `from_concrete_functions` abort the process with
Keras 3 on TensorFlow 2.16.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.errors import Rejected

SIGNATURE = "serving_default"
OUTPUTS = ("logits", "heatmap", "embedding")
_BATCH = 32

Call = Callable[[Any], dict[str, Any]]
Write = Callable[[Any, Call, Any, Path], None]


def load(job: dict[str, Any]) -> dict[str, Any]:
    """Load `model`, check it, write `export` (SavedModel, batch 1) and `outputs` (.npz: answers to `inputs`).

    Other fields: `shape` [height, width, channels] of a picture or [columns] of a row, `labels`. Raises Rejected for
    NaN weights (naming the tensor), another input shape, or another number of classes than labels.
    """
    path = Path(job["model"])
    source = _keras(path) if path.is_file() else _saved_model(path)
    check_weights(source.weights)
    check_input(source, tuple(job["shape"]))
    answers = predict(source, np.load(job["inputs"], mmap_mode="r", allow_pickle=False))
    shapes = {name: [1, *answer.shape[1:]] for name, answer in answers.items()}
    check_outputs(shapes, list(job["labels"]))
    np.savez(job["outputs"], **answers)
    _export(source, tuple(job["shape"]), Path(job["export"]))
    return {"shapes": shapes, "rescaling": source.rescaling}


class Source:
    """A loaded model: how to call and write it, its weights by name, whether it rescales its input (None: unknown)."""

    def __init__(
        self,
        call: Call,
        write: Write,
        weights: dict[str, npt.NDArray[Any]],
        input_shape: tuple[int | None, ...],
        rescaling: bool | None,
    ) -> None:
        self.call, self.write, self.weights = call, write, weights
        self.input_shape, self.rescaling = input_shape, rescaling

    @property
    def batch(self) -> int:
        """How many pictures it takes at once."""
        return self.input_shape[0] or _BATCH


def _keras(path: Path) -> Source:
    import keras

    try:
        model = keras.saving.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise Rejected(f"{path}: no Keras model ({' '.join(str(error).split())[:300]})") from error
    weights = {weight.path: np.asarray(weight) for weight in model.weights}
    kinds = {type(layer).__name__ for layer in model._flatten_layers()}
    if len(model.inputs) != 1:
        raise Rejected(f"{path}: {len(model.inputs)} inputs, expected one picture")

    def call(images: Any) -> dict[str, Any]:
        return named(model(images, training=False), list(model.output_names))

    rescales = bool(kinds & {"Rescaling", "Normalization"})
    return Source(call, _write_keras(model), weights, tuple(model.inputs[0].shape), rescales)


def _saved_model(path: Path) -> Source:
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(path))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise Rejected(f"{path}: no SavedModel ({' '.join(str(error).split())[:300]})") from error
    if SIGNATURE not in loaded.signatures:
        raise Rejected(f"{path}: signatures {sorted(loaded.signatures)}, expected '{SIGNATURE}'; export it again")
    signature = loaded.signatures[SIGNATURE]
    inputs = signature.structured_input_signature[1]
    if len(inputs) != 1:
        raise Rejected(f"{path}: inputs {sorted(inputs)}, expected one picture")
    name, spec = next(iter(inputs.items()))
    weights = {variable.name: variable.numpy() for variable in signature.variables}
    weights |= _constants(signature.graph)

    def call(images: Any) -> dict[str, Any]:
        answer = signature(**{name: images})
        return named(answer, sorted(answer))

    return Source(call, _write_saved_model(loaded), weights, tuple(spec.shape), None)


def _constants(graph: Any) -> dict[str, npt.NDArray[Any]]:
    """Return the floating-point constants of a frozen graph by node name."""
    import tensorflow as tf

    found = {}
    for node in graph.as_graph_def().node:
        if node.op == "Const":
            value = tf.make_ndarray(node.attr["value"].tensor)
            if value.dtype.kind == "f":
                found[node.name] = value
    return found


def named(answer: Any, names: list[str]) -> dict[str, Any]:
    """Return the model's answer by the names of the contract; one unnamed output is `logits`."""
    if not isinstance(answer, dict):
        answers = list(answer) if isinstance(answer, (list, tuple)) else [answer]
        answer = dict(zip(names, answers, strict=True))
    if len(answer) == 1:
        name, value = next(iter(answer.items()))
        return {"probabilities" if name == "probabilities" else "logits": value}
    known = {name: value for name, value in answer.items() if name in (*OUTPUTS, "probabilities")}
    if not known.keys() & {"logits", "probabilities"}:
        raise Rejected(f"the model has outputs {sorted(answer)}, expected 'logits', 'heatmap' and 'embedding'")
    return known


def check_weights(weights: dict[str, npt.NDArray[Any]]) -> None:
    """Raise Rejected naming the first tensor that holds NaN or infinity: conversion would hide it."""
    for name, value in weights.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            bad = int(np.size(value) - np.isfinite(value).sum())
            raise Rejected(f"NAN_WEIGHT: tensor '{name}' has {bad} values that are not finite; train the model again")


def check_outputs(shapes: dict[str, list[int]], labels: list[str]) -> None:
    """Raise Rejected where the number of scores is not the number of labels."""
    scores = shapes.get("logits") or shapes["probabilities"]
    if len(scores) != 2 or scores[1] != len(labels):
        raise Rejected(
            f"LABELS: the model scores {scores[1:]} classes, the recipe has {len(labels)} labels ({', '.join(labels)})"
        )


def check_input(source: Source, shape: tuple[int, ...]) -> None:
    """Raise Rejected where the model takes another input than the recipe's (height, width, channels) or (columns,)."""
    found = source.input_shape
    if len(found) != len(shape) + 1 or any(f not in (None, s) for f, s in zip(found[1:], shape, strict=True)):
        raise Rejected(
            f"the model takes {found}, the recipe says (1, {', '.join(map(str, shape))}); change one of them"
        )
    if found[0] not in (None, 1):
        raise Rejected(f"the model takes batches of {found[0]}; export it with batch 1 or any")


def _export(source: Source, shape: tuple[int, ...], folder: Path) -> None:
    """Write the SavedModel with batch 1."""
    import tensorflow as tf

    def serve(image: Any) -> dict[str, Any]:
        return {name: _flat(tf, value) for name, value in source.call(image).items()}

    name = "image" if len(shape) == 3 else "row"
    source.write(tf, serve, tf.TensorSpec((1, *shape), tf.float32, name=name), folder)


def _write_keras(model: Any) -> Write:
    """Only Keras's own archive freezes Keras 3's variables so that the TFLite converter does not abort."""

    def write(tf: Any, serve: Call, spec: Any, folder: Path) -> None:
        import keras

        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint(SIGNATURE, serve, [spec])
        archive.write_out(str(folder), verbose=False)

    return write


def _write_saved_model(loaded: Any) -> Write:
    def write(tf: Any, serve: Call, spec: Any, folder: Path) -> None:
        module = tf.Module()
        module.kept = loaded
        module.serve = tf.function(serve, input_signature=[spec])
        tf.saved_model.save(module, str(folder), signatures={SIGNATURE: module.serve})

    return write


def _flat(tf: Any, value: Any) -> Any:
    """Return float32; a heatmap (1, rows, columns, 1) without its last axis."""
    value = tf.cast(value, tf.float32)
    return value[..., 0] if value.shape.rank == 4 and value.shape[-1] == 1 else value


def predict(source: Source, pictures: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
    """Return the source model's answers to uint8 pictures (N, height, width, channels), by output name."""
    import tensorflow as tf

    call = tf.function(source.call)
    found: dict[str, list[npt.NDArray[np.float32]]] = {}
    for first in range(0, len(pictures), source.batch):
        batch = np.asarray(pictures[first : first + source.batch], np.float32)
        for name, value in call(tf.constant(batch)).items():
            found.setdefault(name, []).append(_flat(tf, value).numpy())
    return {name: np.concatenate(values) for name, values in found.items()}
