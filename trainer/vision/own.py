"""The user's own code for pictures: what is seen of a picture, and the network that looks at it (docs/own-code.md).

What it returns is looked at before anything is trained, and told in one line where it cannot be used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Recipe
from trainer.own_code import BUILD_MODEL, OWN_CODE, PREPROCESSING, OwnCode

LOGITS, HEAT, EMBEDDING = "logits", "heat", "embedding"
WHOLE = (LOGITS, HEAT, EMBEDDING)
FINE, COARSE = 8, 16
"""Strides of the two levels of features: pixels of the picture a cell, in both directions."""
NETWORK = "own"
"""Name of the layer that holds the user's network."""
_KERAS_ALONE = "KerasTensor cannot be used as input to a TensorFlow function"


@dataclass(frozen=True)
class OwnPictures:
    """The functions of a user's file; None where it has none. `hparams` is what the Tuner chose for `build_model`."""

    prepare: Callable[[Any], Any] | None
    build: Callable[[Any, dict[str, Any]], Any] | None
    hparams: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, module: str, hparams: Mapping[str, Any]) -> OwnPictures:
        """Read the file `module` ("" = there is none). Raises Rejected as `OwnCode` does."""
        code = OwnCode(module)
        return cls(code.function(PREPROCESSING, 1), code.function(BUILD_MODEL, 2), hparams)

    def changes(self, recipe: Recipe) -> bool:
        """Say whether the recipe's network is another one by it."""
        return self.prepare is not None or recipe.network.backbone == OWN_CODE

    def unused(self, recipe: Recipe) -> list[str]:
        """Say which function the recipe does not ask for."""
        if self.build is None or recipe.network.backbone == OWN_CODE:
            return []
        return [f"{BUILD_MODEL} is not used: network.backbone is '{recipe.network.backbone}', not '{OWN_CODE}'"]

    def seen(self, image: Any) -> Any:
        """Return what the user makes of pictures (n, H, W, C), 0..255: (n, H, W, any), float32.

        The function may be made of Keras layers and keras.ops, or of TensorFlow's operations.
        """
        assert self.prepare is not None
        try:
            made = self.prepare(image)
        except Rejected as error:
            if _KERAS_ALONE not in str(error):
                raise
            made = _by_tensors(self.prepare, image)
        if not isinstance(made, keras.KerasTensor):
            raise Rejected(f"{PREPROCESSING} returns {type(made).__name__}, expected a tensor (n, H, W, channels)")
        if len(made.shape) != 4 or made.shape[:3] != image.shape[:3] or made.shape[3] is None:
            raise Rejected(
                f"{PREPROCESSING}: pictures {_shape(image)} become {_shape(made)}, expected (n, "
                f"{image.shape[1]}, {image.shape[2]}, channels): the size stays, for the heatmap shows places of it"
            )
        return keras.ops.cast(made, "float32")

    def answers(self, seen: Any, recipe: Recipe) -> tuple[Any, Any] | dict[str, Any]:
        """Return what the user's network makes of it: features at strides 8 and 16, or a dict of the names in `WHOLE`.

        Raises Rejected for anything else.
        """
        if self.build is None:
            raise Rejected(f"network.backbone is '{OWN_CODE}': pipeline.module must have a function {BUILD_MODEL}")
        pictures = keras.Input(seen.shape[1:], batch_size=seen.shape[0], name="pictures", dtype="float32")
        made = self.build(pictures, {**_known(recipe), **self.hparams})
        found = _asked(made, pictures) if isinstance(made, keras.Model) else made
        outputs = found if isinstance(found, dict) else _pair(found)
        _check(outputs, pictures, recipe)
        try:
            network = keras.Model(pictures, outputs, name=NETWORK)
        except ValueError as error:
            raise Rejected(f"{BUILD_MODEL}: what it returns is no network of its pictures: {_words(error)}") from error
        answer = network(seen)
        return answer if isinstance(found, dict) else (answer["fine"], answer["coarse"])


class _Prepared(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Calls the user's function on TensorFlow's tensors."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__(name="prepared", trainable=False, dtype="float32")
        self._function = function
        self.told: Rejected | None = None

    def call(self, pictures: Any) -> Any:
        """Return what the function returns."""
        try:
            return self._function(pictures)
        except Rejected as error:
            self.told = error
            raise


def _by_tensors(function: Callable[[Any], Any], image: Any) -> Any:
    layer = _Prepared(function)
    try:
        return layer(image)
    except Exception:
        if layer.told is None:
            raise
        raise layer.told from None  # Keras writes paragraphs around it


def _asked(model: keras.Model, pictures: Any) -> Any:
    """Return the model's answer; Keras itself looks at the size of what it is given only when it calculates."""
    for entry in getattr(model, "inputs", None) or []:
        if not _fits_into(tuple(pictures.shape), tuple(entry.shape)):
            raise Rejected(f"{BUILD_MODEL}: the model takes {_shape(entry)}, and is given pictures {_shape(pictures)}")
    try:
        return model(pictures)
    except ValueError as error:
        raise Rejected(f"{BUILD_MODEL}: the model does not take {_shape(pictures)}: {_words(error)}") from error


def _fits_into(shape: tuple[int | None, ...], entry: tuple[int | None, ...]) -> bool:
    """Say whether a shape without its batch is the one that a model's input has, where None is any."""
    pairs = zip(shape[1:], entry[1:], strict=False)
    return len(shape) == len(entry) and all(wanted in (None, given) for given, wanted in pairs)


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _known(recipe: Recipe) -> dict[str, Any]:
    """Return what `build_model` is told of the recipe."""
    network, labels = recipe.network, recipe.labels.names
    told = ("height", "width", "embedding", "epochs", "batch", "learning_rate", "seed")
    return {"labels": labels, "classes": len(labels), **{name: getattr(network, name) for name in told}}


def _pair(found: Any) -> dict[str, Any]:
    if not isinstance(found, tuple | list) or len(found) != 2:
        what = f"{len(found)} of them" if isinstance(found, tuple | list) else type(found).__name__
        raise Rejected(
            f"{BUILD_MODEL} returns {what}, expected two tensors (features at strides {FINE} and {COARSE}), or a dict "
            f"of {', '.join(WHOLE)}"
        )
    return {"fine": found[0], "coarse": found[1]}


def _check(outputs: Mapping[str, Any], pictures: Any, recipe: Recipe) -> None:
    size, batch, classes = pictures.shape[1:3], pictures.shape[0], len(recipe.labels.names)

    def cells(stride: int, channels: int | None) -> tuple[int | None, ...]:
        return batch, -(-size[0] // stride), -(-size[1] // stride), channels

    expected: dict[str, tuple[int | None, ...]] = {"fine": cells(FINE, None), "coarse": cells(COARSE, None)}
    if set(outputs) != set(expected):
        expected = {LOGITS: (batch, classes), HEAT: cells(FINE, 1), EMBEDDING: (batch, recipe.network.embedding)}
        if set(outputs) != set(expected):
            named = ", ".join(sorted(map(str, outputs)))
            raise Rejected(f"{BUILD_MODEL}: the outputs are {named}, expected {', '.join(expected)}")
    for name, shape in expected.items():
        found = outputs[name]
        if not isinstance(found, keras.KerasTensor):
            raise Rejected(f"{BUILD_MODEL}: {name} is {type(found).__name__}, expected a tensor made of the pictures")
        if not _fits(tuple(found.shape), shape):
            raise Rejected(
                f"{BUILD_MODEL}: {name} is {_shape(found)}, expected {_shown(shape)}{_why(name, size, recipe)}"
            )


def _fits(found: tuple[int | None, ...], shape: tuple[int | None, ...]) -> bool:
    """Say whether a shape is the one that is expected, where None is any known number of channels."""
    if len(found) != len(shape) or found[-1] is None:
        return False
    return found[:-1] == shape[:-1] and shape[-1] in (None, found[-1])


def _why(name: str, size: tuple[int, int], recipe: Recipe) -> str:
    stride = {"fine": FINE, HEAT: FINE, "coarse": COARSE}.get(name)
    if stride is not None:
        return f": stride {stride} of {size[0]} x {size[1]} pixels"
    labels = recipe.labels.names
    return f": one for each of {', '.join(labels)}" if name == LOGITS else ": network.embedding"


def _shape(tensor: Any) -> str:
    return _shown(tuple(tensor.shape))


def _shown(shape: tuple[int | None, ...]) -> str:
    names = ["n", *["any"] * (len(shape) - 1)]
    return "(" + ", ".join(name if size is None else str(size) for name, size in zip(names, shape, strict=True)) + ")"
