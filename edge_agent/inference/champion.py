"""The model in use, and the one before it, kept warm.

A model is a bundle's variant for this device class, its blobs checked before the runtime sees them. Loading happens
in any thread; `Champion` is changed by the hot thread alone, between two parts.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.bundle import BundleFolder, Manifest, ThresholdPair, Variant
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.measures import picture_values
from edge_agent.contracts.preprocess import Picture, camera_input, shown
from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.scores import heatmap_peak, shares_of
from edge_agent.inference.delegate import Delegate
from edge_agent.inference.interpreter import Floats, Interpreter


class ModelError(Exception):
    """The model failed on a picture: the runtime raised, or a score is no number."""


class Inference(NamedTuple):
    """What the model says of one picture.

    `probabilities` (classes,) calibrated, `score` the probability of any defect, `label` the strongest class,
    `defect` the strongest kind of defect, `heatmap` (rows, columns) 0..1, `peak` its strongest point as fractions of
    the cropped picture, `embedding` (length,); heatmap, peak and embedding are None where the graph has none.
    """

    probabilities: tuple[float, ...]
    score: float
    label: str
    defect: str
    heatmap: Floats | None
    peak: tuple[float, float] | None
    embedding: Floats | None


class Model:
    """One loaded variant. Threads that run it take turns.

    `recipe` is the product's, as the model was made for it; `thresholds` say where the machine accepts and rejects.
    """

    def __init__(self, bundle: str, manifest: Manifest, variant: Variant, interpreter: Interpreter) -> None:
        self.bundle = bundle
        self.manifest = manifest
        self.variant = variant
        self.recipe: Recipe = manifest.recipe
        self.thresholds: ThresholdPair = variant.thresholds
        self._interpreter = interpreter
        self._labels = manifest.output.labels
        self._turn = threading.Lock()

    @property
    def runtime(self) -> str:
        """Which TFLite runtime runs it."""
        return str(self._interpreter.runtime)

    @property
    def threads(self) -> int:
        """How many threads the runtime was given."""
        return self._interpreter.threads

    def prepare(self, frame: npt.NDArray[np.uint8]) -> Picture:
        """Turn a camera's frame (BGR or grey) into what the model sees."""
        return camera_input(frame, self.recipe)

    def infer(self, picture: Picture, size: Sequence[int] | None = None) -> Inference:
        """Score a prepared picture of a frame of `size` (height, width); without it the heatmap shows the whole input.

        Raises ModelError for whatever the model gets wrong.
        """
        try:
            with self._turn:
                scores = self._interpreter.run(picture)
        except (ValueError, RuntimeError) as error:
            raise ModelError(str(error) or type(error).__name__) from error
        shares = shares_of(scores.logits.tolist(), self.variant.temperature)
        if not all(map(math.isfinite, shares)):
            raise ModelError(f"scores are no numbers: {shares}")
        best = max(range(len(shares)), key=shares.__getitem__)
        worst = max(range(1, len(shares)), key=shares.__getitem__)
        heatmap = scores.heatmap
        if heatmap is not None and size is not None:
            heatmap = shown(heatmap, size, self.recipe)
        peak = None if heatmap is None else heatmap_peak(heatmap)
        return Inference(
            shares, 1.0 - shares[0], self._labels[best], self._labels[worst], heatmap, peak, scores.embedding
        )

    def warm_up(self) -> None:
        """Run once on grey, so that the first part is not the slow one."""
        self._interpreter.run(np.full(self._interpreter.input_shape, 128, np.uint8))


def window_values(quality: tuple[float, ...], inference: Inference) -> list[float]:
    """Return what is counted of a picture, in the order of the bundle's baseline."""
    embedding = None if inference.embedding is None else inference.embedding.tolist()
    return picture_values(quality, inference.probabilities, embedding)


def load_model(
    folder: BundleFolder,
    device_class: str,
    threads: int,
    expected_id: str | None = None,
    delegate: Delegate | None = None,
) -> Model:
    """Load a bundle's variant for a device class.

    Raises Rejected where the manifest is not `expected_id`, a blob does not hash to its name, or the graph breaks
    the bundle's contract, ConfigError for a delegate that cannot be loaded.
    """
    manifest = folder.open(expected_id)
    variant = manifest.variant_for(device_class)
    if variant.format != "tflite":
        raise Rejected(f"variant '{variant.id}' is {variant.format}, a station runs tflite; publish one for it")
    interpreter = Interpreter(folder.read(variant.blob), threads, delegate)
    network, channels = manifest.recipe.network, manifest.picture_input.shape[3]
    wanted = (network.height, network.width, channels)
    if interpreter.input_shape != wanted:
        raise Rejected(f"graph takes {interpreter.input_shape}, the recipe gives {wanted}; convert the model again")
    if interpreter.classes != len(manifest.output.labels):
        raise Rejected(f"graph has {interpreter.classes} classes, the bundle {len(manifest.output.labels)} labels")
    model = Model(folder.id, manifest, variant, interpreter)
    model.warm_up()
    return model


class Champion:
    """The model that judges (`active`), the one that judged before it (`warm`), and one that is `held` on request."""

    def __init__(self) -> None:
        self.active: Model | None = None
        self.warm: Model | None = None
        self.held: Model | None = None

    def take(self, model: Model) -> None:
        """Let `model` judge from now on; the one before stays warm."""
        if self.active is not None and self.active.bundle != model.bundle:
            self.warm = self.active
        self.active = model

    @property
    def bundle(self) -> str | None:
        """The bundle that judges."""
        return self.active.bundle if self.active is not None else None

    def loaded(self, bundle: str) -> Model | None:
        """Return a bundle's model if it is in memory."""
        return next((m for m in (self.active, self.warm, self.held) if m is not None and m.bundle == bundle), None)

    @property
    def kept_warm(self) -> str | None:
        """The bundle that would take over at once."""
        ready = self.held if self.held is not self.active and self.held is not None else self.warm
        return ready.bundle if ready is not None else None
