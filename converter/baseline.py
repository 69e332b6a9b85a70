"""The reference that production is compared with: histograms of held-out pictures, and how windows of them scatter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.drift_score import drift_score
from edge_agent.contracts.measures import feature_names, picture_values
from edge_agent.contracts.preprocess import Picture
from edge_agent.contracts.quality import image_quality
from edge_agent.contracts.window import Baseline, Feature, Tally

Values = npt.NDArray[np.float64]

BINS = 14
WINDOWS = 300
_QUANTA = 128
_DIGITS = 6
_SCORE_DIGITS = 4
_SMALLEST_DEVIATION = {"brightness": 0.5, "contrast": 0.25, "sharpness": 0.25, "score": 0.01, "confidence": 0.01}
_SMALLEST_SHARE = 0.002
_SMALLEST_OTHER = 1e-3


def measure_pictures(
    pictures: npt.NDArray[np.uint8], class_probabilities: Values, embeddings: npt.NDArray[Any] | None
) -> tuple[tuple[str, ...], Values]:
    """Return the names of the features and each picture's values (pictures, features)."""
    names = feature_names(None if embeddings is None else embeddings.shape[1])
    rows = [
        picture_values(
            quality_of(picture),
            class_probabilities[index].tolist(),
            None if embeddings is None else embeddings[index].tolist(),
        )
        for index, picture in enumerate(pictures)
    ]
    return names, np.asarray(rows, np.float64).reshape(len(rows), len(names))


def quality_of(picture: Picture) -> tuple[float, ...]:
    """Return the picture's quality measures; a mapped array is copied, for OpenCV takes only plain ones."""
    return image_quality(np.ascontiguousarray(picture))


def build_baseline(
    names: Sequence[str],
    values: Values,
    parts: Sequence[str],
    labels: Sequence[str],
    window_parts: int = 50,
    seed: int = 1,
) -> Baseline:
    """Return the baseline of pictures' values (pictures, features), whose parts are given, for `labels`.

    Raises ValueError for no pictures.
    """
    features = tuple(_feature(name, values[:, k]) for k, name in enumerate(names))
    calibration = scatter(features, values, parts, window_parts, np.random.default_rng(seed))
    return Baseline(features=features, labels=tuple(labels), window_parts=window_parts, calibration=calibration)


def _feature(name: str, values: Values) -> Feature:
    mean, deviation = float(values.mean()), max(float(values.std()), smallest_deviation(name))
    step = 2.0 ** math.floor(math.log2(deviation / _QUANTA))
    edges = inner_edges(values, deviation)
    blank = Feature(
        name=name,
        edges=edges,
        origin=round(mean / step) * step,
        step=step,
        counts=(0,) * (len(edges) + 1),
        mean=_rounded(mean),
        deviation=_rounded(deviation),
    )
    return _counted(blank, values, _places(blank, values))


def smallest_deviation(name: str) -> float:
    """Return what a feature varies by at least, so that one constant in training does not alarm on a trifle."""
    if name.endswith("_share"):
        return _SMALLEST_SHARE
    return _SMALLEST_DEVIATION.get(name, _SMALLEST_OTHER)


def inner_edges(values: Values, deviation: float) -> tuple[float, ...]:
    """Return up to 13 edges with about as many values between each two; equal values are never parted.

    A constant feature gets one edge on either side of its value.
    """
    distinct = np.unique(values)
    if len(distinct) == 1:
        return (_rounded(float(distinct[0] - deviation / 2)), _rounded(float(distinct[0] + deviation / 2)))
    wanted = np.quantile(values, np.arange(1, BINS) / BINS)
    right = np.clip(np.searchsorted(distinct, wanted, side="right"), 1, len(distinct) - 1)
    middles = (distinct[right - 1] + distinct[right]) / 2
    return tuple(sorted({_rounded(float(edge)) for edge in middles}))


def _rounded(value: float, digits: int = _DIGITS) -> float:
    return float(f"{value:.{digits}g}")


def _counted(feature: Feature, values: Values, places: npt.NDArray[np.int64], mean_too: bool = False) -> Feature:
    counts = np.bincount(places, minlength=len(feature.edges) + 1)
    update: dict[str, Any] = {"counts": tuple(int(c) for c in counts)}
    if mean_too:
        deviation = max(float(values.std()), smallest_deviation(feature.name))
        update |= {"mean": float(values.mean()), "deviation": deviation}
    return feature.model_copy(update=update)


def _places(feature: Feature, values: Values) -> npt.NDArray[np.int64]:
    return np.asarray(np.searchsorted(np.asarray(feature.edges), values, side="right"), np.int64)


def scatter(
    features: Sequence[Feature], values: Values, parts: Sequence[str], window_parts: int, rng: np.random.Generator
) -> dict[str, tuple[float, ...]]:
    """Return, per feature, the sorted drift scores of windows in which nothing has drifted.

    For each window the parts are divided anew at random: it is drawn from some, its reference is made of the others,
    for a window of the very parts that the reference was made of would look too close. Where there are fewer than
    twice `window_parts`, half of them are drawn from with replacement. Fewer than 4 parts give none.
    """
    rows = _Rows(parts)
    if rows.parts < 4:
        return {}
    pool = min(window_parts, rows.parts // 2)
    scores: dict[str, list[float]] = {feature.name: [] for feature in features}
    places = [_places(feature, values[:, k]) for k, feature in enumerate(features)]
    for _ in range(WINDOWS):
        order = rng.permutation(rows.parts)
        drawn = order[:pool] if pool == window_parts else order[rng.integers(0, pool, window_parts)]
        window, reference = rows.of(drawn), rows.of(order[pool:])
        for k, feature in enumerate(features):
            other = _counted(feature, values[reference, k], places[k][reference], mean_too=True)
            scores[feature.name].append(drift_score(other, tally_of(other, values[window, k])))
    return {name: tuple(sorted(_rounded(score, _SCORE_DIGITS) for score in found)) for name, found in scores.items()}


class _Rows:
    """The rows of each part; `of` joins those of many parts at once, for windows are drawn from thousands."""

    def __init__(self, parts: Sequence[str]) -> None:
        rows: dict[str, list[int]] = {}
        for place, part in enumerate(parts):
            rows.setdefault(part, []).append(place)
        self.parts = len(rows)
        self._flat = np.asarray([place for places in rows.values() for place in places], np.int64)
        self._lengths = np.asarray([len(places) for places in rows.values()], np.int64)
        self._begins = np.cumsum(self._lengths) - self._lengths

    def of(self, drawn: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the rows of the parts with these numbers, part after part."""
        lengths = self._lengths[drawn]
        ends = np.cumsum(lengths)
        places = np.arange(lengths.sum()) + np.repeat(self._begins[drawn] - (ends - lengths), lengths)
        return np.asarray(self._flat[places], np.int64)


def tally_of(feature: Feature, values: Values) -> Tally:
    """Return what a device would have counted for these values."""
    quanta = np.clip(np.rint((values - feature.origin) / feature.step), -(1 << 20), 1 << 20).astype(np.int64)
    bins = [int(count) for count in np.bincount(_places(feature, values), minlength=len(feature.edges) + 1)]
    return Tally(bins, len(values), int(quanta.sum()), int((quanta * quanta).sum()))
