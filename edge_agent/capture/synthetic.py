"""Parts out of nothing, for a station without a camera: ground metal with scratches, pits and stains.

Simpler than the trainer's sample parts (which the agent may not import), but alike: fine grinding lines, a gentle
gradient of light, and a defect on a share of the parts.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.capture.address import Address
from edge_agent.capture.frame import Frame
from edge_agent.capture.lighting import Lighting
from edge_agent.clock import Clock

KINDS = ("scratch", "pit", "stain")
Surface = npt.NDArray[np.float32]


def draw_part(random: np.random.Generator, size: int, kind: str | None) -> npt.NDArray[np.uint8]:
    """Return a grey picture (size, size) of a part with one defect of `kind`, or without one."""
    surface = _ground_metal(random, size)
    if kind is not None:
        {"scratch": _scratch, "pit": _pit, "stain": _stain}[kind](random, surface)
    noisy = surface + random.normal(0.0, 2.0, surface.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _ground_metal(random: np.random.Generator, size: int) -> Surface:
    lines = random.normal(0.0, 14.0, (size, 1)).astype(np.float32)
    lines = np.repeat(cv2.GaussianBlur(lines, (1, 5), 1.0), size, axis=1)
    across, down = random.uniform(-12, 12, 2)
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    return np.asarray(128 + random.uniform(-6, 6) + lines + across * ramp[None, :] + down * ramp[:, None], np.float32)


def _place(random: np.random.Generator, size: int) -> tuple[int, int]:
    x, y = random.integers(int(0.2 * size), int(0.8 * size), 2)
    return int(x), int(y)


def _scratch(random: np.random.Generator, surface: Surface) -> None:
    size = surface.shape[0]
    x, y = _place(random, size)
    angle, length = random.uniform(0, np.pi), random.uniform(0.15, 0.4) * size
    end = (int(x + length * np.cos(angle)), int(y + length * np.sin(angle)))
    tone = float(np.clip(surface.mean() + random.choice([-60, 70]), 0, 255))
    cv2.line(surface, (x, y), end, (tone,), int(random.integers(1, 3)), cv2.LINE_AA)


def _pit(random: np.random.Generator, surface: Surface) -> None:
    radius = int(random.uniform(0.02, 0.05) * surface.shape[0]) + 1
    cv2.circle(surface, _place(random, surface.shape[0]), radius, (float(surface.mean() - 70),), -1, cv2.LINE_AA)


def _stain(random: np.random.Generator, surface: Surface) -> None:
    size = surface.shape[0]
    mask = np.zeros_like(surface)
    axes = (int(random.uniform(0.06, 0.12) * size), int(random.uniform(0.04, 0.1) * size))
    cv2.ellipse(mask, _place(random, size), axes, float(random.uniform(0, 180)), 0, 360, (1.0,), -1)
    surface -= 40 * cv2.GaussianBlur(mask, (0, 0), 0.02 * size)


class SyntheticSource:
    """Parts drawn from a seed: the same seed gives the same parts. `defects` is the share that has one."""

    live = False

    def __init__(self, address: Address, clock: Clock) -> None:
        fps = address.number("fps", 5.0)
        self.period_s = 1.0 / fps if fps > 0 else 0.0
        self._random = np.random.default_rng(int(address.number("seed", 1)))
        self._defects = address.number("defects", 0.2)
        self._size = int(address.number("size", 160))
        self._views = max(1, int(address.number("views", 1)))
        self._clock = clock
        self._light = Lighting(address, clock)
        self._index = 0
        self._clean: npt.NDArray[np.uint8] | None = None

    def open(self) -> None:
        """Nothing to connect."""

    def read(self) -> Frame | None:
        """Draw the next view; the views of a part differ by their noise."""
        part, view = divmod(self._index, self._views)
        if view == 0 or self._clean is None:
            defective = self._random.random() < self._defects
            kind = str(self._random.choice(KINDS)) if defective else None
            self._clean = draw_part(self._random, self._size, kind)
        noise = self._random.integers(-2, 3, self._clean.shape)
        picture = np.clip(self._clean + noise, 0, 255).astype(np.uint8)
        frame = Frame(
            self._light.apply(picture),
            self._clock.monotonic(),
            f"syn-{part + 1:06d}",
            self._index,
            view,
            self._views,
            live=False,
        )
        self._index += 1
        return frame

    def close(self) -> None:
        """Nothing to let go of."""
