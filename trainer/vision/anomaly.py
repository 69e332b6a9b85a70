"""The anomaly model: what good parts look like, fitted after a training that saw good pictures only.

The network has learned what marks are from drawn ones. Here the features of good pictures become one Gaussian, and how
far a picture's features lie from it, together with the learned heat, becomes the logit of "defective": calibrated on
held-out good pictures against the same with defects drawn into them, and against real defective ones where there are
any. After Rippel, Mertens and Merhof 2021 (one Gaussian of a network's features) and DRAEM (drawn defects).
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

from edge_agent.contracts.encoding import digest_bytes
from trainer.vision.data import Pictures
from trainer.vision.invent import drawn_into
from trainer.vision.network import KNOWN, PARTS, VERDICT, WHITENED, Network

Array = npt.NDArray[np.float64]

_HELD_OUT = 0.2
_RIDGE = 1e-3
_ENOUGH = 3
"""Real defective parts below this number calibrate nothing: drawn defects stand in for them."""
_BATCH = 16
_PULL = 1e-2
_ROUNDS = 50


@dataclass(frozen=True)
class Calibrated:
    """What the verdict was calibrated on: good and defective pictures, and whether the latter were real."""

    good: int
    defective: int
    real: bool

    def __str__(self) -> str:
        kind = "defective ones" if self.real else "drawn defects"
        return f"anomaly model, calibrated on {self.good} held-out good pictures against {self.defective} {kind}"


def held_out(pictures: Pictures) -> npt.NDArray[np.bool_]:
    """Say for each picture (n,) whether it is kept for calibration: about a fifth of the parts, by their names."""
    ordered = sorted(set(pictures.parts), key=lambda part: digest_bytes(part.encode()))
    kept = set(ordered[: max(round(_HELD_OUT * len(ordered)), 1)])
    return np.asarray([part in kept for part in pictures.parts], bool)


def fit_anomaly(network: Network, learned: Pictures, clean: Pictures, defective: Pictures, seed: int) -> Calibrated:
    """Fit the network's verdict: the Gaussian on the `learned` good pictures, its scale on held-out `clean` ones.

    `defective` may be empty. Changes the network's weights in place.
    """
    model = network.training
    kernel, bias = whitening(_features(model, learned.images))
    model.get_layer(WHITENED).set_weights([kernel[None, None], bias])
    real = len(set(defective.parts)) >= _ENOUGH
    bad = defective.images if real else drawn_into(clean.images, np.random.default_rng([seed, 31]))
    truth = np.arange(len(clean) + len(bad)) >= len(clean)

    def strongest(layer: str) -> Array:
        return np.concatenate([_answers(model, layer, images).max(axis=(1, 2)) for images in (clean.images, bad)])

    weights, offset = logistic(strongest(KNOWN), truth)
    _set_verdict(model, weights, offset)
    scale, shift = logistic(strongest(VERDICT), truth)
    _set_verdict(model, weights * scale[0], offset * scale[0] + shift)
    return Calibrated(len(clean), len(bad), real)


def whitening(features: Array) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return kernel (C, 2C) and bias (2C,) that take features (n, C) to how far they lie on either side of the mean.

    Over the given features each of the C directions has mean 0 and variance about 1.
    """
    mean, spread = features.mean(axis=0), np.atleast_2d(np.cov(features.T))
    length = len(mean)
    values, directions = np.linalg.eigh(spread + (_RIDGE * np.trace(spread) / length + 1e-9) * np.eye(length))
    one_side = directions / np.sqrt(values)
    kernel = np.concatenate([one_side, -one_side], axis=1)
    return kernel.astype(np.float32), (-mean @ kernel).astype(np.float32)


def logistic(known: Array, defective: npt.NDArray[np.bool_]) -> tuple[Array, float]:
    """Return weights (k,), none below 0, and offset of the logit of "defective" from what is known (n, k).

    Both kinds count alike, however many there are of each. Newton's method with a small pull towards 0.
    """
    chosen = np.ones(known.shape[1], bool)
    while True:
        weights, offset = _newton(known * chosen, defective)
        negative = chosen & (weights < 0)
        if not negative.any():
            return np.where(chosen, weights, 0.0), offset
        chosen &= ~negative


def _newton(known: Array, defective: npt.NDArray[np.bool_]) -> tuple[Array, float]:
    mean, deviation = known.mean(axis=0), known.std(axis=0) + 1e-9
    x = np.concatenate([(known - mean) / deviation, np.ones((len(known), 1))], axis=1)
    share = np.where(defective, 0.5 / max(defective.sum(), 1), 0.5 / max((~defective).sum(), 1))
    pull = np.diag([_PULL] * known.shape[1] + [1e-6])
    found = np.zeros(x.shape[1])
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(x @ found, -30, 30)))
        slope = x.T @ (share * (chance - defective)) + pull @ found
        found = found - np.linalg.solve((x.T * (share * chance * (1 - chance) + 1e-9)) @ x + pull, slope)
    weights = found[:-1] / deviation
    return weights, float(found[-1] - mean @ weights)


def _set_verdict(model: keras.Model, weights: Array, offset: float) -> None:
    kernel = weights.astype(np.float32).reshape(1, 1, -1, 1)
    model.get_layer(VERDICT).set_weights([kernel, np.asarray([offset], np.float32)])


def _features(model: keras.Model, images: npt.NDArray[np.uint8]) -> Array:
    return _answers(model, PARTS, images).reshape(-1, model.get_layer(PARTS).output.shape[-1])


def _answers(model: keras.Model, layer: str, images: npt.NDArray[np.uint8]) -> Array:
    part = keras.Model(model.input, model.get_layer(layer).output)
    pieces = [images[start : start + _BATCH].astype(np.float32) for start in range(0, len(images), _BATCH)]
    return np.concatenate([np.asarray(part(piece, training=False), np.float64) for piece in pieces])
