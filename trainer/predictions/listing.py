"""What is to be predicted: the pictures of a folder or of a table, and what cannot be used."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge_agent.contracts.encoding import canonical_json, digest_bytes
from edge_agent.contracts.errors import ConfigError, Rejected
from trainer.tabular.files import tables_in

TABLE = "labels.csv"
_PICTURES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff"})


@dataclass(frozen=True)
class Picture:
    """One picture: its path relative to the folder, and the part that it shows."""

    image: str
    part: str


@dataclass(frozen=True)
class Bad:
    """What is not predicted: the picture's or line's place, and why, and which part the picture was to show."""

    place: str
    reason: str
    part: str = ""


@dataclass(frozen=True)
class Listing:
    """All pictures below `folder` in the order of their table or names, and the lines that are none."""

    folder: Path
    pictures: tuple[Picture, ...]
    bad: tuple[Bad, ...] = ()

    def digest(self) -> str:
        """Name the listing by paths, parts, sizes and times: what a broken-off prediction may go on with."""
        rows = [[one.image, one.part, *_stat(self.folder / one.image)] for one in self.pictures]
        return digest_bytes(canonical_json(rows))


def list_pictures(source: Path) -> Listing:
    """Read a folder with `labels.csv`, a folder without one, or a CSV file with a column `image` (and `part`).

    A picture without a part is one by itself. Raises ConfigError where nothing is there, Rejected for a table without
    the column or without any row.
    """
    if source.is_dir() and not (source / TABLE).is_file():
        paths = sorted(p for p in source.rglob("*") if p.suffix.lower() in _PICTURES)
        found = Listing(source, _named([Picture(str(p.relative_to(source)), "") for p in paths]))
    else:
        found = _read_table(source / TABLE if source.is_dir() else source)
    if not found.pictures:
        raise Rejected(f"{source}: holds no picture to predict; give a folder of pictures or a table that names some")
    return found


def content_digest(source: Path, digests: Callable[[Sequence[Path]], Mapping[Path, str]]) -> str:
    """Name what is to be predicted by the content of its pictures, wherever it lies. Raises as `list_pictures`."""
    found = list_pictures(source)
    paths = [found.folder / one.image for one in found.pictures]
    known = digests(sorted(set(paths)))
    rows = [[one.image, one.part, known.get(path, "")] for one, path in zip(found.pictures, paths, strict=True)]
    return digest_bytes(canonical_json([rows, [[bad.place, bad.reason] for bad in found.bad]]))


def files_digest(source: Path, digests: Callable[[Sequence[Path]], Mapping[Path, str]]) -> str:
    """Name a table of rows, a file or a folder of them, by names and content: a prediction names its row's file.

    Raises as `tables_in`.
    """
    found = tables_in([source])
    known = digests([file.path for file in found])
    return digest_bytes(canonical_json([[file.name, known.get(file.path, "")] for file in found]))


def _read_table(table: Path) -> Listing:
    try:
        data = table.read_bytes()
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        header = [name.strip() for name in next(lines, [])]
        if "image" not in header:
            raise Rejected(f"{table}: column 'image' is missing; found {', '.join(header) or 'nothing'}; add it")
        rows = [(lines.line_num, cells) for cells in lines if cells]
    except OSError as error:
        raise ConfigError(f"{table}: cannot be read ({error.strerror}); give a folder or a CSV file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise Rejected(f"{table}: no table of text ({error}); save it as UTF-8 CSV") from error
    pictures: list[Picture] = []
    bad: list[Bad] = []
    for line, cells in rows:
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        reason = _problem(cells, header, row)
        if reason:
            bad.append(Bad(f"{table.name}:{line}", reason))
        else:
            pictures.append(Picture(row["image"], row.get("part", "")))
    return Listing(table.parent, _named(pictures), tuple(bad))


def _named(pictures: Sequence[Picture]) -> tuple[Picture, ...]:
    """Name the parts that have no name: by the file's name, by its path where other files or parts are called so."""
    stems = {image: PurePosixPath(image).stem for image in {one.image for one in pictures if not one.part}}
    taken = Counter([*stems.values(), *{one.part for one in pictures if one.part}])

    def part(image: str) -> str:
        return stems[image] if taken[stems[image]] == 1 else image

    return tuple(one if one.part else Picture(one.image, part(one.image)) for one in pictures)


def _problem(cells: list[str], header: list[str], row: dict[str, str]) -> str:
    if len(cells) != len(header):
        return f"{len(cells)} fields, expected {len(header)}"
    path = PurePosixPath(row["image"])
    if not row["image"] or path.is_absolute() or ".." in path.parts:
        return f"'image' is {row['image']!r}, expected a path inside the folder"
    return ""


def _stat(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
