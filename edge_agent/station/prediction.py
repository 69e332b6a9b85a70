"""Predictions on demand, with the bundle of the active slot and the very code that judges parts on the line.

The runtime and OpenCV are loaded at the first prediction: a station that serves none does not carry them here.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge_agent.clock import Clock
from edge_agent.config import RuntimeConfig
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Colour
from edge_agent.contracts.verdict import Automation, Reason
from edge_agent.install.tuning import delegate_of, threads_for
from edge_agent.journal.checks import Opinion
from edge_agent.station.errors import Refused
from edge_agent.station.models import Bundles

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edge_agent.inference.champion import Model
    from edge_agent.inspection import Finding

Instance = bytes | list[Any]
"""An encoded picture, or its values as nested lists (rows, columns, channels), 0..255, channels as the recipe says."""


@dataclass(frozen=True)
class Wanted:
    """What to predict with, and whether heatmaps shall come along."""

    automation: Automation | None
    heatmap: bool


class Predictor:
    """Holds one interpreter of its own; predictions run one after the other. Safe to call from several threads."""

    def __init__(self, bundles: Bundles, device_class: str, runtime: RuntimeConfig, clock: Clock) -> None:
        self._bundles = bundles
        self._device_class = device_class
        self._runtime = runtime
        self._clock = clock
        self._lock = threading.Lock()
        self._model: Model | None = None
        self.count = 0
        self.seconds = 0.0

    def predict(self, instances: list[Instance], wanted: Wanted) -> list[dict[str, Any]]:
        """Judge each picture as a part of its own. Raises Refused without a model, Rejected for what is no picture."""
        started = self._clock.monotonic()
        with self._lock:
            model = self._current()
            pictures = [self._picture(instance, place, model) for place, instance in enumerate(instances)]
            answers = [self._judge(picture, model, wanted) for picture in pictures]
            self.count += len(answers)
            self.seconds += self._clock.monotonic() - started
        return answers

    def opinion(self, picture: bytes, automation: Automation | None) -> Opinion:
        """Return what the line's model would say of a picture; not counted as a prediction. Raises as `predict`."""
        from edge_agent.inference.heatmap import heatmap_png

        with self._lock:
            model = self._current()
            finding = self._inspect(self._picture(picture, 0, model), model, automation)
        heatmap = heatmap_png(finding.heatmap) if finding.heatmap is not None else None
        return Opinion(finding.score, finding.label, finding.peak, heatmap)

    def _current(self) -> Model:
        from edge_agent.inference.champion import load_model

        bundle = self._bundles.active()
        if bundle is None:
            raise Refused(503, "no-model", "no model is installed on this station yet; roll one out to it")
        if self._model is None or self._model.bundle != bundle:
            folder, threads = (
                self._bundles.folder(bundle),
                threads_for(self._bundles.home.root, bundle, self._runtime.threads),
            )
            self._model = load_model(folder, self._device_class, threads, bundle, delegate_of(self._runtime))
        return self._model

    def _picture(self, instance: Instance, place: int, model: Model) -> npt.NDArray[np.uint8]:
        from edge_agent.contracts.preprocess import decode_frame

        try:
            return (
                decode_frame(instance)
                if isinstance(instance, bytes)
                else values_to_frame(instance, model.recipe.camera.colour)
            )
        except Rejected as error:
            raise Rejected(f"instance {place}: {error}") from error

    def _judge(self, picture: npt.NDArray[np.uint8], model: Model, wanted: Wanted) -> dict[str, Any]:
        return _answer(self._inspect(picture, model, wanted.automation), wanted.heatmap)

    def _inspect(self, picture: npt.NDArray[np.uint8], model: Model, automation: Automation | None) -> Finding:
        from edge_agent.capture.frame import Frame
        from edge_agent.inspection import Inspector

        frame = Frame(picture, at=self._clock.monotonic(), live=False)
        return Inspector(self._clock).inspect([frame], model, automation or model.recipe.automation, math.inf)


def _answer(finding: Finding, heatmap: bool) -> dict[str, Any]:
    inference = finding.views[0].inference
    answer = {
        "verdict": finding.ruling.verdict.value,
        "reason": finding.ruling.reason.value,
        "label": finding.label,
        "score": finding.score,
        "probabilities": list(inference.probabilities) if inference else None,
        "peak": list(finding.peak) if finding.peak else None,
    }
    if heatmap:
        answer["heatmap"] = finding.heatmap.round(4).tolist() if finding.heatmap is not None else None
    if finding.ruling.reason is Reason.MODEL_ERROR:
        answer["error"] = "the model gave no number for this picture"
    return answer


def values_to_frame(values: list[Any], colour: Colour) -> npt.NDArray[np.uint8]:
    """Return nested lists as a camera's frame (BGR or grey), uint8. Raises Rejected with what was found."""
    import numpy as np

    channels = 1 if colour is Colour.GREY else 3
    expected = f"expected numbers 0..255 of shape (rows, columns, {channels})"
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise Rejected(f"not a rectangle of numbers; {expected}") from error
    if array.dtype.kind not in "iuf":
        raise Rejected(f"values of another kind than numbers; {expected}")
    if array.ndim == 2 and channels == 1:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] != channels or array.size == 0:
        raise Rejected(f"numbers of shape {array.shape}; {expected}")
    if not bool(((array >= 0) & (array <= 255)).all()):
        raise Rejected(f"numbers from {array.min():g} to {array.max():g}; {expected}")
    picture = np.rint(array).astype(np.uint8)
    return np.ascontiguousarray(picture[:, :, 0] if channels == 1 else picture[:, :, ::-1])
