"""One part through guards, model and rules: the same code on the station, on light stations and in a replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge_agent.capture.frame import Frame
from edge_agent.capture.guards import Repeats, fingerprint, frozen, picture_failure
from edge_agent.clock import Clock
from edge_agent.contracts.preprocess import to_original
from edge_agent.contracts.quality import image_quality
from edge_agent.contracts.scores import part_score
from edge_agent.contracts.verdict import Automation, Detail, Reason
from edge_agent.decision.verdict import Ruling, judge
from edge_agent.inference.champion import Inference, Model, ModelError, window_values
from edge_agent.inference.interpreter import Floats


class View(NamedTuple):
    """What came of one picture of the part: the model's word, or why there is none."""

    frame: Frame
    inference: Inference | None
    failure: Reason | None
    latency_ms: float
    detail: Detail | None = None


class _Look(NamedTuple):
    """What the guards and the model say of one picture."""

    failure: Reason | None
    inference: Inference | None = None
    detail: Detail | None = None


class Finding(NamedTuple):
    """What is known of a part once it is judged.

    `label`, `peak` (fractions of the original picture) and `heatmap` are those of the view with the highest score;
    `features` are one float32 row per view, in the order of the bundle's baseline. `detail` says more of the reason
    of a part that has no picture, or none that can be judged.
    """

    ruling: Ruling
    views: tuple[View, ...]
    score: float | None = None
    label: str = ""
    peak: tuple[float, float] | None = None
    heatmap: Floats | None = None
    features: bytes | None = None
    picture: npt.NDArray[np.uint8] | None = None
    detail: Detail | None = None

    @property
    def pictures(self) -> tuple[npt.NDArray[np.uint8] | None, ...]:
        """All pictures of a part that has several, in their order; None for one that is no whole picture."""
        return tuple(view.frame.picture for view in self.views) if len(self.views) > 1 else ()


@dataclass
class Inspector:
    """Judges parts with one model. Holds no more than what the frozen-camera guard must remember."""

    clock: Clock
    repeats: Repeats = field(default_factory=Repeats)

    def inspect(
        self,
        frames: Sequence[Frame],
        model: Model,
        automation: Automation,
        deadline: float,
        missing: Detail = Detail.SILENT,
    ) -> Finding:
        """Judge a part by its frames (none = the camera gave none, as `missing` says); `deadline` is monotonic."""
        rows: list[list[float]] = []
        views = tuple([self._look(frame, model, rows, deadline) for frame in frames])
        failure, detail = (None, None) if views else (Reason.NO_IMAGE, missing)
        best: Inference | None = None
        strongest, scores = 0, []
        for index, (_, inference, failed, _, why) in enumerate(views):
            if failure is None and failed is not None:
                failure, detail = failed, why
            if inference is not None:
                scores.append(inference.score)
                if best is None or inference.score > best.score:
                    best, strongest = inference, index
        score = part_score(scores, model.recipe.views.combine) if best is not None and failure is None else None
        late = self.clock.monotonic() > deadline
        ruling = judge(failure, score, model.thresholds, automation, late)
        if best is None:
            return Finding(ruling, views, picture=views[0].frame.picture if views else None, detail=detail)
        return Finding(
            ruling,
            views,
            score,
            named(best, score, model),
            original_peak(best, model),
            best.heatmap,
            np.array(rows, np.float32).tobytes() if failure is None else None,
            views[strongest].frame.picture,
            detail,
        )

    def _look(self, frame: Frame, model: Model, rows: list[list[float]], deadline: float) -> View:
        started = self.clock.monotonic()
        look = self._judge_frame(frame, model, rows, started > deadline)
        return View(frame, look.inference, look.failure, (self.clock.monotonic() - started) * 1e3, look.detail)

    def _judge_frame(self, frame: Frame, model: Model, rows: list[list[float]], late: bool) -> _Look:
        if frame.picture is None:
            return _Look(Reason.BAD_IMAGE, detail=Detail.TORN)
        self.repeats = self.repeats.seen(fingerprint(frame))
        if frozen(self.repeats, model.recipe.guards):
            return _Look(Reason.FROZEN_IMAGE)
        if late:
            return _Look(Reason.LATE)
        picture = model.prepare(frame.picture)
        quality = image_quality(picture)
        unusable = picture_failure(quality[0], quality[2], model.recipe.guards)
        if unusable is not None:
            return _Look(Reason.BAD_IMAGE, detail=unusable)
        try:
            inference = model.infer(picture, frame.picture.shape)
        except ModelError:
            return _Look(Reason.MODEL_ERROR)
        rows.append(window_values(quality, inference))
        return _Look(None, inference)


def named(inference: Inference, score: float | None, model: Model) -> str:
    """Return the label to show: a kind of defect as soon as the part is not plainly good."""
    doubtful = score is not None and score >= model.thresholds.accept_below
    return inference.defect if doubtful else inference.label


def original_peak(inference: Inference, model: Model) -> tuple[float, float] | None:
    """Return the heatmap's strongest point as fractions of the original picture's width and height."""
    if inference.peak is None:
        return None
    return to_original(*inference.peak, model.recipe.camera.crop)
