"""Labelled sample parts, in memory or as a folder of pictures, masks and `labels.csv`."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.contracts.errors import ConfigError, Unavailable
from trainer.samples.defects import KINDS, paint
from trainer.samples.surface import SIZE, expose, machined_surface, moved

GOOD = "ok"
LABELS = (GOOD, *KINDS)
"""All labels of the sample data; the good one first."""
COLUMNS = ("image", "mask", "part", "exposure", "label")

_BLOCK, _DEFECTIVE_IN_BLOCK = 10, 3
_LARGEST_SHIFT = 4.0
_JPEG_QUALITY = 95


@dataclass(frozen=True)
class SamplePart:
    """One part: its label, its frames and, aligned with them, the masks (uint8, 255 = defect), all (SIZE, SIZE)."""

    label: str
    frames: tuple[npt.NDArray[np.uint8], ...]
    masks: tuple[npt.NDArray[np.uint8], ...]


@dataclass(frozen=True)
class SampleCounts:
    """How much was written."""

    parts: int
    images: int


def label_of(seed: int, index: int) -> str:
    """Return the label of part `index`: 3 of each 10 parts are defective and the kinds take turns."""
    block, place = divmod(index, _BLOCK)
    order = np.random.default_rng([seed, block, 7]).permutation(_BLOCK)
    turn = int(np.flatnonzero(order == place)[0])
    if turn >= _DEFECTIVE_IN_BLOCK:
        return GOOD
    return KINDS[(block * _DEFECTIVE_IN_BLOCK + turn + seed) % len(KINDS)]


def sample_part(seed: int, index: int, brightness: float = 1.0, blur: float = 0.0, frames: int = 3) -> SamplePart:
    """Make part `index` of the series `seed`; the same part for the same two numbers.

    `brightness` scales the lighting (0.6 = a darker lamp), `blur` is the defocus in pixels (sigma).
    """
    rng = np.random.default_rng([seed, index])
    label = label_of(seed, index)
    surface = machined_surface(rng)
    mask = np.zeros_like(surface)
    if label != GOOD:
        surface, mask = paint(rng, label, surface)
    pictures, masks = [], []
    for _ in range(frames):
        x, y = rng.uniform(-_LARGEST_SHIFT, _LARGEST_SHIFT, 2)
        pictures.append(expose(rng, surface, (float(x), float(y)), brightness, blur))
        masks.append(np.where(moved(mask, (float(x), float(y))) > 0.5, 255, 0).astype(np.uint8))
    return SamplePart(label, tuple(pictures), tuple(masks))


def generate_samples(
    folder: Path, parts: int, seed: int, brightness: float = 1.0, blur: float = 0.0, frames: int = 3, first: int = 0
) -> SampleCounts:
    """Write `parts` sample parts below `folder`: `images/`, `masks/` and, last, `labels.csv`.

    The parts are numbers `first` and following of the series `seed`, so two folders of one series need not share
    any. The same arguments give the same bytes. Raises ConfigError for a bad argument or a folder that is not
    empty, Unavailable when the folder cannot be written.
    """
    _check(parts, brightness, blur, frames, first)
    rows: list[tuple[str, str, str, int, str]] = []
    try:
        _prepare(folder)
        for index in range(first, first + parts):
            rows += _write_part(folder, seed, index, sample_part(seed, index, brightness, blur, frames))
        _write_labels(folder, rows)
    except OSError as error:
        raise Unavailable(f"{folder}: cannot be written ({error}); free space or choose another folder") from error
    return SampleCounts(parts, len(rows))


def _check(parts: int, brightness: float, blur: float, frames: int, first: int) -> None:
    if parts < 1 or frames < 1 or first < 0:
        raise ConfigError(f"{parts} parts of {frames} frames from number {first}: at least 1, 1 and 0 are needed")
    if not (math.isfinite(brightness) and 0 < brightness <= 4):
        raise ConfigError(f"brightness {brightness} is out of range; give a factor above 0 up to 4 (1 = normal)")
    if not (math.isfinite(blur) and 0 <= blur <= SIZE / 8):
        raise ConfigError(f"blur {blur} is out of range; give 0 to {SIZE // 8} pixels")


def _prepare(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder}: exists and is not an empty folder; name a new one or remove it")
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()


def _write_part(folder: Path, seed: int, index: int, part: SamplePart) -> list[tuple[str, str, str, int, str]]:
    name = f"s{seed}-{index:05d}"
    rows = []
    for number, (picture, mask) in enumerate(zip(part.frames, part.masks, strict=True), start=1):
        image_name = f"images/{name}_{number}.jpg"
        mask_name = "" if part.label == GOOD else f"masks/{name}_{number}.png"
        _write(folder / image_name, picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        if mask_name:
            _write(folder / mask_name, mask, [])
        rows.append((image_name, mask_name, name, number, part.label))
    return rows


def _write(path: Path, picture: npt.NDArray[np.uint8], settings: list[int]) -> None:
    _, data = cv2.imencode(path.suffix, picture, settings)
    path.write_bytes(data.tobytes())


def _write_labels(folder: Path, rows: list[tuple[str, str, str, int, str]]) -> None:
    """Write the table under another name first: a folder with `labels.csv` is a whole one."""
    unfinished = folder / "labels.csv.part"
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    unfinished.replace(folder / "labels.csv")
