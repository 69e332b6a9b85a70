"""Is this a picture of a part at all? Rules on measured values; the model is not asked about what fails here."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from edge_agent.capture.frame import Frame
from edge_agent.contracts.recipe import Guards
from edge_agent.contracts.verdict import Detail

_EVERY_ROW = 8


def picture_failure(brightness: float, sharpness: float, guards: Guards) -> Detail | None:
    """Return what is wrong with a picture that is black, saturated or blurred by the recipe's bands, else None."""
    if not brightness >= guards.brightness_min:
        return Detail.BLACK
    if not brightness <= guards.brightness_max:
        return Detail.SATURATED
    return None if sharpness >= guards.sharpness_min else Detail.BLURRED


@dataclass(frozen=True)
class Repeats:
    """How often in a row a camera gave the very same frame."""

    fingerprint: int | None = None
    count: int = 0

    def seen(self, fingerprint: int | None) -> Repeats:
        """Return the count after one more frame; None (a stored picture) never repeats."""
        if fingerprint is None:
            return Repeats()
        same = fingerprint == self.fingerprint
        return Repeats(fingerprint, self.count + 1 if same else 1)


def fingerprint(frame: Frame) -> int | None:
    """Return a checksum of every eighth row; a live sensor's noise never gives the same one twice in a row."""
    if not frame.live or frame.picture is None:
        return None
    return zlib.crc32(frame.picture[::_EVERY_ROW].tobytes())


def frozen(repeats: Repeats, guards: Guards) -> bool:
    """Return whether the camera hangs: the same frame `repeats_max` times in a row."""
    return repeats.count >= guards.repeats_max
