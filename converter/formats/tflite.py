"""TFLite in five number formats, from a SavedModel with a static batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from converter.loading import SIGNATURE
from edge_agent.contracts.errors import Rejected

VARIANTS = ("float32", "float16", "dynamic", "int8", "int16x8")
INTEGER = frozenset({"int8", "int16x8"})
"""Variants whose number ranges come from calibration pictures."""


def convert(job: dict[str, Any]) -> dict[str, Any]:
    """Write the variant `variant` of the SavedModel `export` to `output`.

    Integer variants take `calibration` (.npy, float32 or uint8 (N, height, width, channels), values as the graph
    takes them). Raises Rejected for an integer variant without calibration pictures, for TensorFlow would then
    silently write floats.
    """
    import tensorflow as tf

    converter = _ROUTES[job.get("route", "saved-model")](tf, job)
    variant = job["variant"]
    if variant != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if variant in INTEGER:
        _quantise_fully(tf, converter, variant, Path(job["calibration"]))
    Path(job["output"]).write_bytes(converter.convert())
    return {}


def _from_saved_model(tf: Any, job: dict[str, Any]) -> Any:
    return tf.lite.TFLiteConverter.from_saved_model(job["export"], signature_keys=[SIGNATURE])


def _from_keras(tf: Any, job: dict[str, Any]) -> Any:
    import keras

    return tf.lite.TFLiteConverter.from_keras_model(keras.saving.load_model(job["model"], compile=False))


_ROUTES: dict[str, Callable[[Any, dict[str, Any]], Any]] = {"saved-model": _from_saved_model, "keras": _from_keras}
"""The second one aborts with Keras 3 on TensorFlow 2.16; it is here so that a test can see that nobody else dies."""


def _quantise_fully(tf: Any, converter: Any, variant: str, calibration: Path) -> None:
    pictures = np.load(calibration, mmap_mode="r", allow_pickle=False)
    if len(pictures) == 0:
        raise Rejected("EMPTY_CALIBRATION: no calibration pictures, so nothing can be quantised")

    def representative() -> Iterator[dict[str, Any]]:
        for picture in pictures:
            yield {"image": np.asarray(picture, np.float32)[None]}

    converter.representative_dataset = representative
    if variant == "int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    else:
        wide = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [wide]
