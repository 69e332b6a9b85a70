"""The cause gate: what a shift most likely is, so that a broken lamp starts no retraining.

Light and focus act on the picture itself, and through it on everything the model says. So a shift of the picture's
own measures explains shifts of scores and embedding, but not the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from edge_agent.contracts.quality import QUALITY_FEATURES
from fleet.monitoring.detectors import RELEVANT, Reading

_LIGHT_FEATURES = ("brightness", "contrast", "dark_share", "bright_share")
_BLURRED = 0.85
_EXPLAINED = 4.0


class Cause(str, Enum):
    """What is most likely behind a finding."""

    LIGHTING = "lighting"
    BLUR = "blur"
    DATA = "data"
    PERFORMANCE = "performance"

    @property
    def needs_person(self) -> bool:
        """True where the camera or its light changed: repair first, train only if a person says it stays so."""
        return self in (Cause.LIGHTING, Cause.BLUR)


@dataclass(frozen=True)
class Diagnosis:
    """A cause, and one sentence a person can check."""

    cause: Cause
    text: str


def diagnose(readings: Mapping[str, Reading], alarmed: frozenset[str]) -> Diagnosis:
    """Name the cause of the `alarmed` features' shift from the readings of all features.

    A uniform change of light scales brightness, contrast and sharpness alike; losing focus takes sharpness away
    beyond what contrast explains. Where the model's outputs moved several times further than the picture's own
    measures, the picture does not explain them and the parts themselves are new.
    """
    image = [readings[name] for name in QUALITY_FEATURES if name in readings]
    outputs = [reading for name, reading in readings.items() if name not in QUALITY_FEATURES]
    moved = max((reading.score for reading in image), default=0.0)
    if moved < RELEVANT or _strongest(outputs, alarmed) > _EXPLAINED * moved:
        return _data(readings, alarmed)
    if _is_blurred(readings):
        return Diagnosis(Cause.BLUR, f"pictures are less sharp ({_change(readings['sharpness'])}); check the lens")
    if any(name in readings and readings[name].score >= RELEVANT for name in _LIGHT_FEATURES):
        return _lighting(readings)
    if "sharpness" in readings and readings["sharpness"].shift < 0:
        return Diagnosis(Cause.BLUR, f"pictures are less sharp ({_change(readings['sharpness'])}); check the lens")
    return _data(readings, alarmed)


def _is_blurred(readings: Mapping[str, Reading]) -> bool:
    sharpness = readings.get("sharpness")
    if sharpness is None or sharpness.shift > -RELEVANT:
        return False
    contrast = readings.get("contrast")
    expected = min(1.0, _ratio(contrast)) if contrast is not None else 1.0
    brightness = readings.get("brightness")
    same_light = brightness is None or abs(brightness.shift) < abs(sharpness.shift)
    return same_light and _ratio(sharpness) < _BLURRED * expected


def _lighting(readings: Mapping[str, Reading]) -> Diagnosis:
    brightness, contrast = readings.get("brightness"), readings.get("contrast")
    if brightness is not None and brightness.score >= RELEVANT:
        word = "darker" if brightness.shift < 0 else "brighter"
        return Diagnosis(Cause.LIGHTING, f"pictures are {word} ({_change(brightness)}); check lamp and exposure")
    detail = f" ({_change(contrast)})" if contrast is not None else ""
    return Diagnosis(Cause.LIGHTING, f"contrast changed{detail}; check lamp, reflections and exposure")


def _data(readings: Mapping[str, Reading], alarmed: frozenset[str]) -> Diagnosis:
    worst = max((readings[name] for name in alarmed if name in readings), key=lambda r: r.score, default=None)
    if worst is None:
        return Diagnosis(Cause.DATA, "the parts look different from training")
    return Diagnosis(
        Cause.DATA, f"the parts look different from training: {worst.feature} moved by {worst.shift:+.1f} deviations"
    )


def _strongest(outputs: list[Reading], alarmed: frozenset[str]) -> float:
    return max((reading.score for reading in outputs if reading.feature in alarmed), default=0.0)


def _ratio(reading: Reading) -> float:
    return reading.mean / reading.training_mean if reading.training_mean > 0 else 1.0


def _change(reading: Reading) -> str:
    return f"{reading.feature} {reading.training_mean:.1f} → {reading.mean:.1f}, {100 * (_ratio(reading) - 1):+.0f} %"
