"""What the model says of one batch: read, preprocessed as a station does, scored in the edge runtime's own process."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.bundle import BundleFolder, Manifest, ThresholdPair, Variant
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.preprocess import decode, model_input, shown, to_original
from edge_agent.contracts.scores import defect_probability, heatmap_peak, probabilities
from edge_agent.contracts.verdict import Verdict
from trainer.predictions.listing import Bad, Picture

Row = dict[str, Any]
DIGITS = 6
"""Decimals that are kept: scores beyond them differ between machines."""


@dataclass(frozen=True)
class Model:
    """A variant of a bundle that runs in the edge runtime."""

    folder: BundleFolder
    manifest: Manifest
    variant: Variant
    identity: str


def open_model(bundle: Path, variant: str = "") -> Model:
    """Open a bundle and choose its variant, the chosen one unless named.

    Raises ConfigError for a variant that it has not, or that is no TFLite graph.
    """
    folder = BundleFolder(bundle)
    manifest = folder.open()
    runs = {one.id: one for one in manifest.variants if one.format == "tflite"}
    name = variant or manifest.chosen
    if name not in runs:
        raise ConfigError(f"variant '{name}' of {manifest.name} {manifest.version}: expected one of {', '.join(runs)}")
    folder.read(runs[name].blob)
    return Model(folder, manifest, runs[name], folder.id)


def verdict_of(score: float, thresholds: ThresholdPair) -> str:
    """Return what the machine alone would say of a probability of defective; one that is no number is rejected."""
    if score < thresholds.accept_below:
        return str(Verdict.ACCEPT.value)
    verdict = Verdict.REVIEW if score < thresholds.reject_above else Verdict.REJECT
    return str(verdict.value)


def score_pictures(
    model: Model, folder: Path, pictures: Sequence[Picture], scratch: Path, threads: int
) -> tuple[list[Row], list[Bad]]:
    """Return a row for each picture that can be read, and the others with the reason."""
    inputs, sizes, used, bad = _read(model, folder, pictures)
    if not used:
        return [], bad
    scores = run_graph(model, inputs, scratch, threads)
    shares = class_shares(model, scores["logits"])
    recipe = model.manifest.recipe
    rows = []
    for number, picture in enumerate(used):
        row = {"part": picture.part, "image": picture.image, **judged(model, shares[number])}
        if "heatmap" in scores:
            heat = shown(scores["heatmap"][number], sizes[number], recipe)
            x, y = to_original(*heatmap_peak(heat), recipe.camera.crop)
            row |= {"peak_x": round(x, DIGITS), "peak_y": round(y, DIGITS)}
        rows.append(row)
    return rows, bad


def class_shares(model: Model, outputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return calibrated probabilities (n, classes) of what the graph answered."""
    if model.manifest.output.scores == "probabilities":
        return outputs.astype(np.float64)
    return probabilities(outputs, model.variant.temperature)


def judged(model: Model, shares: npt.NDArray[np.float64]) -> Row:
    """Return label, score (probability of any defect), verdict and each class's probability, (classes,).

    The score is not rounded yet: thresholds are held-out parts' own scores, so ties happen.
    """
    labels = model.manifest.output.labels
    score = float(defect_probability(shares))
    found: Row = {"label": labels[int(shares.argmax())], "score": score}
    found["verdict"] = verdict_of(score, model.variant.thresholds)
    return found | {f"p_{name}": round(float(share), DIGITS) for name, share in zip(labels, shares, strict=True)}


def _read(
    model: Model, folder: Path, pictures: Sequence[Picture]
) -> tuple[npt.NDArray[np.uint8], list[tuple[int, ...]], list[Picture], list[Bad]]:
    """Return what the model sees of each picture that can be read, the shape of its file's, and the others."""
    recipe = model.manifest.recipe

    def read(picture: Picture) -> tuple[npt.NDArray[np.uint8], tuple[int, ...]] | str:
        try:
            whole = decode((folder / picture.image).read_bytes(), recipe.camera.colour)
            return model_input(whole, recipe), whole.shape
        except Rejected as error:
            return str(error)
        except OSError as error:
            return f"cannot be read ({error.strerror})"

    with ThreadPoolExecutor() as pool:
        found = list(zip(pictures, pool.map(read, pictures), strict=True))
    bad = [Bad(picture.image, result, picture.part) for picture, result in found if isinstance(result, str)]
    good = [(picture, *result) for picture, result in found if not isinstance(result, str)]
    inputs = np.stack([seen for _, seen, _ in good]) if good else np.zeros((0,), np.uint8)
    return inputs, [size for _, _, size in good], [picture for picture, _, _ in good], bad


def run_graph(
    model: Model, inputs: npt.NDArray[Any], scratch: Path, threads: int
) -> dict[str, npt.NDArray[np.float32]]:
    """Return what the graph answers to the inputs (n, …), by output name, in the edge runtime's process."""
    from converter.bench import run_on_edge

    np.save(scratch / "inputs.npy", inputs)
    graph = model.folder.path(model.variant.blob)
    return run_on_edge(graph, scratch / "inputs.npy", scratch / "outputs.npz", threads, repeat=0).scores
