"""Labelled pictures as they go from one tool to another, and the folder they come from or go to."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import cv2
import numpy as np

from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.preprocess import decode
from edge_agent.contracts.recipe import Colour
from trainer.data.manifest import FILE, read_tables
from trainer.data.quarantine import Refused
from trainer.labels.masks import Mask
from trainer.pipeline.cache import write_atomically

MASKS = "masks"
"""Folder of the masks; nothing in it is a picture to be labelled."""
DETAILS = ("exposure", "station", "lot", "split")
UNUSABLE = (Rejected, LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What a record that is not as expected raises while it is read: other people's files hold anything."""


def reason_of(error: Exception) -> str:
    """Return why a record cannot be used, for such an error."""
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error) if isinstance(error, Rejected) else f"not as expected ({error})"


@dataclass(frozen=True)
class Labelled:
    """One picture: its path in the folder, size, part, label, mask (None = not known) and what else is known of it."""

    image: str
    width: int
    height: int
    part: str
    label: str
    mask: Mask | None = None
    details: dict[str, str] = field(default_factory=dict)


def read_folder(folder: Path) -> tuple[list[Labelled], list[Refused]]:
    """Read a data folder with its masks; what cannot be read is refused with its reason. Raises as `read_tables`."""
    table = read_tables([folder])
    refused = [Refused(bad.path, bad.reason) for bad in table.bad]
    found = []
    for row in table.rows:
        try:
            found.append(_labelled(folder, row))
        except Rejected as error:
            refused.append(Refused(row.image, str(error)))
    return found, refused


def _labelled(folder: Path, row: Any) -> Labelled:
    picture = _read(folder / row.image)
    height, width = picture.shape[:2]
    mask = None
    if row.mask:
        mask = (_read(folder / row.mask) > 127).astype(np.uint8)
        if mask.shape != (height, width):
            raise Rejected(f"its mask is {mask.shape[1]} x {mask.shape[0]}, the picture {width} x {height}")
    details = {name: getattr(row, name) for name in DETAILS if getattr(row, name, "")}
    return Labelled(row.image, width, height, row.part, row.label, mask, details)


def _read(path: Path) -> Any:
    """Return a picture in grey as the pipeline reads it. Raises Rejected."""
    try:
        return decode(path.read_bytes(), Colour.GREY)[:, :, 0]
    except OSError as error:
        raise Rejected(f"{path.name} cannot be read ({error.strerror})") from error


def write_folder(folder: Path, found: Sequence[Labelled], replace: bool) -> None:
    """Write `labels.csv` and the masks below `masks/` into the folder that holds the pictures; the table comes last.

    Raises ConfigError where there is a table already and `replace` is not wanted.
    """
    target = folder / FILE
    if target.exists() and not replace:
        raise ConfigError(f"{target} is there already; give --replace to write it anew, or another folder")
    details = [name for name in DETAILS if any(name in one.details for one in found)]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("image", "mask", "part", *details, "label"))
    for one in found:
        named = _write_mask(folder, one)
        table.writerow((one.image, named, one.part, *(one.details.get(name, "") for name in details), one.label))
    write_atomically(target, text.getvalue().encode())


def _write_mask(folder: Path, one: Labelled) -> str:
    if one.mask is None:
        return ""
    path = PurePosixPath(one.image)
    name = f"{MASKS}/{path.stem}-{digest_bytes(one.image.encode())[:8]}.png"
    write_atomically(folder / name, cv2.imencode(".png", one.mask * np.uint8(255))[1].tobytes())
    return name


class Places:
    """Finds pictures in a folder by the names that other tools give them."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ConfigError(f"{folder}: there is no such folder; give the one that holds the pictures")
        self._folder = folder
        self._by_name: dict[str, list[str]] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file() and MASKS not in path.relative_to(folder).parts:
                self._by_name.setdefault(_composed(path.name), []).append(path.relative_to(folder).as_posix())

    def find(self, name: str) -> str:
        """Return the path of a picture in the folder.

        Names may be those of Windows, percent-encoded, or written with other code points for the same letters. Raises
        Rejected where none, or more than one, has the name; nothing outside the folder is ever taken.
        """
        for wanted in dict.fromkeys((name, unquote(name))):
            path = PurePosixPath(wanted.split("?d=")[-1].split("://")[-1].replace("\\", "/"))
            inside = not path.is_absolute() and ".." not in path.parts
            if inside and path.parts and (self._folder / path).is_file():
                return path.as_posix()
            for known in _names(path.name):
                places = self._by_name.get(known, [])
                if len(places) == 1:
                    return places[0]
                if len(places) > 1:
                    raise Rejected(f"'{known}' is there {len(places)} times: {', '.join(places[:3])}")
        raise Rejected(f"no picture '{path.name}' in {self._folder.name}")

    def size(self, image: str) -> tuple[int, int]:
        """Return width and height of a picture of the folder. Raises Rejected for one that cannot be read."""
        height, width = _read(self._folder / image).shape[:2]
        return int(width), int(height)


def _names(name: str) -> Iterable[str]:
    """Yield a file's name, then without the eight digits that Label Studio puts before an uploaded one."""
    name = _composed(name)
    yield name
    front, dash, rest = name.partition("-")
    if dash and len(front) == 8:
        yield rest


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
