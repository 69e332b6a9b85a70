"""Recorded parts: those of a source of pictures, and those whose pictures a station's ring still holds."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_agent.capture.folder import LABELS
from edge_agent.capture.frame import Frame, Source
from edge_agent.clock import Clock
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.preprocess import decode_frame
from edge_agent.contracts.verdict import Verdict
from edge_agent.home import Home
from edge_agent.journal.reader import Reader
from edge_agent.journal.ring import picture_path
from edge_agent.replay.comparison import Word

_PAGE = 500


@dataclass(frozen=True)
class Recorded:
    """A part as it was recorded.

    `number` orders parts; `told` is the serial that trigger or source gave; `views` is how many pictures it must have,
    0 where the recipe says so. `said` is the station's first verdict where a journal knows it, `bundle` the model that
    gave it; `defective` is what a person or a table of labels says, None where nobody does.
    """

    number: int
    name: str
    told: str
    frames: tuple[Frame, ...]
    views: int = 0
    said: Word | None = None
    bundle: str | None = None
    defective: bool | None = None


def parts_of_source(source: Source, views: int, defective: dict[str, bool]) -> Iterator[Recorded]:
    """Yield the parts of an open source, `views` pictures each where the source does not say how many.

    `defective` maps names of pictures to the truth, as `labelled` returns it.
    """
    frames: list[Frame] = []
    number = 0
    while (frame := source.read()) is not None:
        frames.append(frame)
        if len(frames) >= (frames[0].views or views):
            number += 1
            yield _part(number, frames, defective)
            frames = []
    if frames:
        yield _part(number + 1, frames, defective)


def _part(number: int, frames: list[Frame], defective: dict[str, bool]) -> Recorded:
    first = frames[0]
    known = [defective[frame.name] for frame in frames if frame.name in defective]
    name = first.serial or first.name or str(number)
    return Recorded(number, name, first.serial, tuple(frames), first.views, defective=any(known) if known else None)


def labelled(folder: Path, good: str) -> dict[str, bool]:
    """Return which pictures of a folder show a defect, by the column `label` of its table; empty without one."""
    table = folder / LABELS
    if not table.is_file():
        return {}
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{table}: cannot be read ({error}); save it as UTF-8 CSV") from error
    return {row["image"]: row["label"] != good for row in rows if row.get("image") and row.get("label")}


@dataclass
class Ring:
    """The parts of a journal that a model judged and whose pictures are still there; reads, never writes.

    A part is judged by all its views; `lost` counts the parts that lack a picture. What was recorded before all views
    were kept (journal schema 5) has one picture: that of the view with the highest score.
    """

    home: Home
    reader: Reader
    clock: Clock
    lost: int = field(default=0, init=False)

    def parts(self, from_ms: int, to_ms: int) -> Iterator[Recorded]:
        """Yield the parts triggered in this time, the oldest first."""
        after = 0
        while rows := self.reader.rows("replay_parts", after=after, from_ms=from_ms, to_ms=to_ms, limit=_PAGE):
            for row in rows:
                after = int(row[0])
                part = self._recorded(row)
                if part is None:
                    self.lost += 1
                else:
                    yield part

    def _recorded(self, row: tuple[object, ...]) -> Recorded | None:
        number, serial, verdict, reason, label, score, bundle, image, answer = row
        assert isinstance(number, int)
        frames = self._frames(number, str(serial), image)
        if frames is None:
            return None
        said = Word(str(verdict), str(reason), str(label), score if isinstance(score, float) else None)
        defective = None if answer is None else answer == Verdict.REJECT.value
        name, model = str(serial) or f"part {number}", str(bundle) if bundle else None
        return Recorded(number, name, str(serial), frames, len(frames), said, model, defective)

    def _frames(self, part: int, serial: str, image: object) -> tuple[Frame, ...] | None:
        """Return a part's pictures in their order, None where one that the station had is not there any more."""
        views = [row[0] for row in self.reader.rows("part_views", part=part)] or [image or ""]
        if not all(digest is None or self._path(digest).is_file() for digest in views):
            return None
        at, count = self.clock.monotonic(), len(views)
        return tuple(
            Frame(self._picture(digest), at, serial, part, view, count, digest or "", live=False)
            for view, digest in enumerate(views)
        )

    def _path(self, digest: str) -> Path:
        return picture_path(self.home.images, digest)

    def _picture(self, digest: str | None) -> npt.NDArray[np.uint8] | None:
        try:
            return None if digest is None else decode_frame(self._path(digest).read_bytes())
        except (Rejected, OSError):
            return None
