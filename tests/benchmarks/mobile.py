"""MobileNetV2-0.5 at 224 x 224 as a source for conversions: random weights, only the last layer fitted.

The pictures are rough surfaces of three shades, so that even random features tell them apart and gates can pass.
Run as a program it writes the model, or converts it as a plain script would: TensorFlow must not be in the process
that is measured.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from converter.calibration import MAX_PICTURES

SIZE = 224
RECIPE = {
    "name": "mobile",
    "labels": {"good": "ok", "defects": ["scratch", "pit"]},
    "camera": {"colour": "rgb"},
    "network": {"height": SIZE, "width": SIZE},
    "thresholds": {"escape_rate": 0.2, "confidence": 0.8, "review_share": 0.5},
    "views": {"count": 2, "combine": "max"},
}
LABELS = ("ok", "scratch", "pit")
_SHADES = (120, 60, 190)
_SHARPNESS = 6.0
"""Difference of the logits that the last layer is fitted to."""


def write_model(data: Path, target: Path) -> None:
    """Write the Keras file, its last layer fitted to the pictures of `data`."""
    _program("write", data, target)


def convert_plainly(model: Path, calibration: Path) -> None:
    """Make the five variants in one process, one after the other, and look at none of them."""
    _program("convert", model, calibration)


def _program(*words: object) -> None:
    call = [sys.executable, "-m", "tests.benchmarks.mobile", *map(str, words)]
    subprocess.run(call, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def write_pictures(folder: Path, seed: int, parts: int) -> None:
    """Write `parts` parts of two pictures each as a labelled folder."""
    (folder / "images").mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("image", "part", "label"))
        for number in range(2 * parts):
            kind = number // 2 % len(LABELS)
            name = f"images/{number:04d}.png"
            cv2.imwrite(str(folder / name), _picture(np.random.default_rng([seed, number]), kind))
            table.writerow((name, f"p{seed}-{number // 2:04d}", LABELS[kind]))


def _picture(draw: np.random.Generator, kind: int) -> npt.NDArray[np.uint8]:
    rough = cv2.GaussianBlur(draw.normal(0, 60, (SIZE, SIZE, 3)), (0, 0), 1.5 + kind)
    return np.clip(_SHADES[kind] + draw.uniform(-12, 12) + rough, 0, 255).astype(np.uint8)


def _labelled(data: Path) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return the pictures of a labelled folder as the graph takes them (n, SIZE, SIZE, 3), and the labels' numbers."""
    with (data / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    pictures = [cv2.cvtColor(cv2.imread(str(data / row["image"])), cv2.COLOR_BGR2RGB) for row in rows]
    return np.stack(pictures).astype(np.float32), np.array([LABELS.index(row["label"]) for row in rows])


def _write(data: Path, target: Path) -> None:
    import keras

    keras.utils.set_random_seed(1)
    pictures, labels = _labelled(data)
    image = keras.Input((SIZE, SIZE, 3), name="image")
    backbone = keras.applications.MobileNetV2((SIZE, SIZE, 3), alpha=0.5, include_top=False, weights=None)
    inside = backbone(keras.layers.Rescaling(1 / 127.5, -1.0)(image))
    embedding = keras.layers.GlobalAveragePooling2D(name="embedding")(inside)
    logits = keras.layers.Dense(len(LABELS), name="logits")(embedding)
    model = keras.Model(image, {"logits": logits, "embedding": embedding})
    _normalise(backbone, pictures[:64] / 127.5 - 1.0)
    model.get_layer("logits").set_weights(_fitted(model.predict(pictures, verbose=0)["embedding"], labels))
    model.save(target)


def _normalise(backbone: Any, pictures: npt.NDArray[np.float32]) -> None:
    """Give every normalisation the statistics of these pictures, else random weights drown the signal."""
    for layer in backbone.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.0
    backbone(pictures, training=True)


def _fitted(embeddings: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> list[npt.NDArray[np.float64]]:
    """Return weights and bias of a ridge regression onto the labels."""
    inputs = np.hstack([embeddings, np.ones((len(embeddings), 1))]).astype(np.float64)
    wanted = _SHARPNESS * (np.eye(len(LABELS))[labels] - 1 / len(LABELS))
    ridge = 1e-2 * np.trace(inputs.T @ inputs) / inputs.shape[1] * np.eye(inputs.shape[1])
    solved = np.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ wanted)
    return [solved[:-1], solved[-1]]


def _convert(model: Path, calibration: Path) -> None:
    from tempfile import TemporaryDirectory

    from converter.formats.tflite import VARIANTS, convert
    from converter.loading import load

    with TemporaryDirectory() as name:
        work = Path(name)
        pictures = _labelled(calibration)[0][:MAX_PICTURES].astype(np.uint8)
        np.save(work / "calibration.npy", pictures)
        np.save(work / "one.npy", pictures[:1])
        paths = {"inputs": str(work / "one.npy"), "outputs": str(work / "one.npz"), "export": str(work / "export")}
        load({"model": str(model), "shape": [SIZE, SIZE, 3], "labels": LABELS, **paths})
        for variant in VARIANTS:
            job = {"variant": variant, "calibration": str(work / "calibration.npy"), **paths}
            convert({**job, "output": str(work / variant)})


if __name__ == "__main__":
    {"write": _write, "convert": _convert}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
