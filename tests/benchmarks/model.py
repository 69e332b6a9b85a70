"""A bundle of realistic size for measurements: the project's own network at 160 x 160 with untrained weights.

Run as a program it writes the graph: TensorFlow must not be in the process that is measured.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.recipe import Recipe
from tests.simulators.line import TINY, altered_bundle

SIZE = 160


def busy_bundle(folder: Path) -> Path:
    """Return a bundle folder whose graph takes a few milliseconds."""
    graph = folder / "graph.tflite"
    subprocess.run([sys.executable, "-m", "tests.benchmarks.model", str(graph)], check=True, stderr=subprocess.DEVNULL)
    changes = {"recipe__network__height": SIZE, "recipe__network__width": SIZE, "input__shape": [1, SIZE, SIZE, 1]}
    return altered_bundle(folder / "bundle", model=graph.read_bytes(), **changes)


def _recipe() -> Recipe:
    recipe = BundleFolder(TINY).open().recipe
    network = recipe.network.model_copy(update={"height": SIZE, "width": SIZE, "backbone": "small"})
    return recipe.model_copy(update={"network": network})


def _write_graph(path: Path) -> None:
    import tensorflow as tf

    from trainer.vision.export import export
    from trainer.vision.network import build

    recipe = _recipe()
    saved = export(build(recipe, batch=1), recipe, path.parent / "saved")
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(saved)).convert())


if __name__ == "__main__":
    _write_graph(Path(sys.argv[1]))
