"""Bundles for measurements, with untrained weights: the project's own network at 160 x 160, and MobileNetV2 at 224.

Run as a program it writes the graph: TensorFlow must not be in the process that is measured.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.recipe import Recipe
from tests.benchmarks.mobile import SIZE as MOBILE_SIZE
from tests.simulators.line import TINY, altered_bundle

SIZE = 160


def busy_bundle(folder: Path) -> Path:
    """Return a bundle folder whose graph takes about a millisecond: grey, with heatmap and embedding."""
    return _bundle(folder, "small", SIZE, 1)


def mobile_bundle(folder: Path) -> Path:
    """Return a bundle folder with MobileNetV2 0.5, the usual size of a model: in colour, without a heatmap."""
    changes = {f"{place}__colour": "rgb" for place in ("recipe__camera", "input")}
    return _bundle(folder, "mobile", MOBILE_SIZE, 3, output__heatmap=None, **changes)


def _bundle(folder: Path, kind: str, size: int, channels: int, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    graph = folder / "graph.tflite"
    call = [sys.executable, "-m", "tests.benchmarks.model", kind, str(graph)]
    subprocess.run(call, check=True, stderr=subprocess.DEVNULL)
    changes |= {"recipe__network__height": size, "recipe__network__width": size}
    changes["input__shape"] = [1, size, size, channels]
    return altered_bundle(folder / "bundle", model=graph.read_bytes(), **changes)


def _recipe() -> Recipe:
    recipe = BundleFolder(TINY).open().recipe
    network = recipe.network.model_copy(update={"height": SIZE, "width": SIZE, "backbone": "small"})
    return recipe.model_copy(update={"network": network})


def _own(folder: Path) -> Path:
    from trainer.vision.export import export
    from trainer.vision.network import build

    recipe = _recipe()
    return export(build(recipe, batch=1), recipe, folder)


def _mobile(folder: Path) -> Path:
    import keras
    import tensorflow as tf

    labels = BundleFolder(TINY).open().output.labels
    shape = (MOBILE_SIZE, MOBILE_SIZE, 3)
    image = keras.Input(shape, batch_size=1, name="image")
    backbone = keras.applications.MobileNetV2(shape, alpha=0.5, include_top=False, weights=None)
    inside = backbone(keras.layers.Rescaling(1 / 127.5, -1.0)(image))
    embedding = keras.layers.GlobalAveragePooling2D(name="embedding")(inside)
    logits = keras.layers.Dense(len(labels), name="logits")(embedding)
    model = keras.Model(image, {"logits": logits, "embedding": embedding})
    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = [tf.TensorSpec((1, *shape), tf.float32, name="image")]
    archive.add_endpoint("serving_default", lambda image: model(image, training=False), input_signature=signature)
    archive.write_out(str(folder), verbose=False)
    return folder


def _write_graph(kind: str, path: Path) -> None:
    import tensorflow as tf

    saved = {"small": _own, "mobile": _mobile}[kind](path.parent / "saved")
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(saved)).convert())


if __name__ == "__main__":
    _write_graph(sys.argv[1], Path(sys.argv[2]))
