"""A frame, and what every source of frames can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Frame:
    """One picture as the camera gave it.

    `picture` is BGR (height, width, 3) or grey (height, width), uint8; None where the camera gave something that is
    no whole picture. `at` is on the monotonic clock in seconds. `views` is the number of frames of this part where
    the source knows it, else 0. `live` is false for stored pictures, which cannot freeze.
    """

    picture: npt.NDArray[np.uint8] | None
    at: float = 0.0
    serial: str = ""
    index: int = 0
    view: int = 0
    views: int = 0
    name: str = ""
    live: bool = True

    def at_time(self, at: float) -> Frame:
        """Return the frame as one of another moment; `dataclasses.replace` would take four times as long."""
        return Frame(self.picture, at, self.serial, self.index, self.view, self.views, self.name, self.live)


class Source(Protocol):
    """Where frames come from. One thread uses it."""

    live: bool
    """True where frames come by themselves and only the latest counts; false where each is one to be judged."""

    period_s: float
    """Seconds between two parts of a source that is not live; 0 = as fast as they are asked for."""

    def open(self) -> None:
        """Connect. Raises Unavailable while the camera is away."""

    def read(self) -> Frame | None:
        """Return the next frame, None at the end. Raises Unavailable when the camera is lost."""

    def close(self) -> None:
        """Let go of the device; a closed source can be opened again."""
