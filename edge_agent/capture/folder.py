"""A folder of pictures as a source: each file a part, or, with a `labels.csv`, the frames of one `part` together."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_agent.capture.address import Address
from edge_agent.capture.frame import Frame
from edge_agent.capture.lighting import Lighting
from edge_agent.clock import Clock
from edge_agent.contracts.errors import ConfigError, Rejected, Unavailable
from edge_agent.contracts.preprocess import decode_frame

LABELS = "labels.csv"
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})


@dataclass(frozen=True)
class StoredPart:
    """A part's serial and its pictures, relative to the folder."""

    serial: str
    pictures: tuple[str, ...]


def stored_parts(folder: Path) -> list[StoredPart]:
    """Return the parts of a folder, in the order of its table or by name. Raises ConfigError where there are none."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; give the path of a folder with pictures")
    table = folder / LABELS
    parts = _from_table(table) if table.is_file() else _from_files(folder)
    if not parts:
        raise ConfigError(f"{folder}: no pictures found; expected {', '.join(sorted(PICTURES))} or a {LABELS}")
    return parts


def _from_table(table: Path) -> list[StoredPart]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {"image", "part"} - set(reader.fieldnames or ())
            if missing:
                raise ConfigError(f"{table}: column '{sorted(missing)[0]}' is missing; add it to the first line")
            rows = [(row["part"], row["image"]) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{table}: cannot be read ({error}); save it as UTF-8 CSV") from error
    grouped: dict[str, list[str]] = {}
    for part, image in rows:
        if not image or not part:
            raise ConfigError(f"{table}: a line lacks its image or part; complete or remove it")
        grouped.setdefault(part, []).append(image)
    return [StoredPart(part, tuple(images)) for part, images in grouped.items()]


def _from_files(folder: Path) -> list[StoredPart]:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    return [StoredPart(Path(name).stem, (name,)) for name in names]


class FolderSource:
    """The parts of a folder, once or in a loop, in order or shuffled anew each round."""

    live = False

    def __init__(self, address: Address, clock: Clock) -> None:
        self.folder = Path(address.target)
        fps = address.number("fps", 0.0)
        self.period_s = 1.0 / fps if fps > 0 else 0.0
        self._loop = address.flag("loop")
        seed = address.options.get("shuffle")
        self._random = random.Random(seed) if seed is not None else None
        self._clock = clock
        self._light = Lighting(address, clock)
        self._frames: Iterator[Frame] | None = None

    def open(self) -> None:
        """Read the list of parts. Raises ConfigError for a folder without pictures, Unavailable for one that left."""
        first = self._frames is None
        if not first and not self.folder.is_dir():
            raise Unavailable(f"{self.folder}: the folder is away")
        if self._frames is None:
            self._frames = self._run(stored_parts(self.folder))

    def read(self) -> Frame | None:
        """Return the next picture; one that cannot be decoded has no content. Raises Unavailable without the folder."""
        assert self._frames is not None, "open() comes first"
        if not self.folder.is_dir():
            raise Unavailable(f"{self.folder}: the folder is away")
        return next(self._frames, None)

    def close(self) -> None:
        """Nothing is held; the place in the list is kept."""

    def _run(self, parts: list[StoredPart]) -> Iterator[Frame]:
        index = 0
        while True:
            order = parts if self._random is None else self._random.sample(parts, len(parts))
            for part in order:
                for view, name in enumerate(part.pictures):
                    yield self._frame(part, view, name, index)
                    index += 1
            if not self._loop:
                return

    def _frame(self, part: StoredPart, view: int, name: str, index: int) -> Frame:
        try:
            picture = self._light.apply(decode_frame((self.folder / name).read_bytes()))
        except (Rejected, OSError):
            picture = None
        now = self._clock.monotonic()
        return Frame(picture, now, part.serial, index, view, len(part.pictures), name, live=False)
