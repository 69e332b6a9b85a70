"""What is unusual about an encoded picture and is made usual by decoding it: found in its header, by content."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from edge_agent.contracts.picture_file import picture_kind

SIXTEEN_BIT, CMYK, PALETTE, ROTATED, MISNAMED = "16 bit", "CMYK", "palette", "rotated by EXIF", "misnamed"
_EXTENSIONS = {"png": (".png",), "jpeg": (".jpg", ".jpeg"), "bmp": (".bmp",), "tiff": (".tif", ".tiff")}
_BITS, _ORIENTATION, _SAMPLES = 258, 274, 277


def traits(data: bytes, name: str) -> frozenset[str]:
    """Return what is unusual about a whole picture file named `name`."""
    kind = picture_kind(data) or ""
    found = set(_OF_KIND[kind](data)) if kind in _OF_KIND else set()
    if Path(name).suffix.lower() not in _EXTENSIONS.get(kind, ()):
        found.add(MISNAMED)
    return frozenset(found)


def is_coloured(data: bytes) -> bool:
    """Say whether a whole picture file holds colours, by its header; a palette counts as colours."""
    kind = picture_kind(data)
    if kind == "png":
        return data[25] in (2, 3, 6)
    if kind == "bmp":
        return bool(struct.unpack_from("<H", data, 28)[0] > 8)
    if kind == "tiff":
        return _tags(data).get(_SAMPLES, 1) >= 3
    return kind == "jpeg" and _components(data) >= 3


def _of_png(data: bytes) -> Iterator[str]:
    depth, colour = data[24], data[25]
    if depth == 16:
        yield SIXTEEN_BIT
    if colour == 3:
        yield PALETTE


def _of_bmp(data: bytes) -> Iterator[str]:
    if struct.unpack_from("<H", data, 28)[0] <= 8:
        yield PALETTE


def _of_tiff(data: bytes) -> Iterator[str]:
    tags = _tags(data)
    if tags.get(_BITS) == 16:
        yield SIXTEEN_BIT


def _of_jpeg(data: bytes) -> Iterator[str]:
    for marker, place, length in _segments(data):
        exif = data[place + 10 : place + 2 + length] if data[place + 4 : place + 10] == b"Exif\0\0" else b""
        if marker == 0xFFE1 and _tags(exif).get(_ORIENTATION, 1) > 1:
            yield ROTATED
    if _components(data) == 4:
        yield CMYK


def _components(data: bytes) -> int:
    """Return how many components a JPEG has, as its frame header says; 0 where there is none."""
    return next((data[place + 9] for marker, place, _ in _segments(data) if _is_frame(marker)), 0)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, place and length of a JPEG's segments up to the frame header (ITU T.81 B.1.1.4)."""
    place = 2
    while place + 10 <= len(data):
        marker, length = struct.unpack_from(">HH", data, place)
        yield marker, place, length
        if _is_frame(marker):
            return
        place += 2 + max(length, 2)


def _is_frame(marker: int) -> bool:
    return 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC)


def _tags(data: bytes) -> dict[int, int]:
    """Return the short numbers of a TIFF structure's first directory (TIFF 6.0 section 2); {} where it is damaged."""
    order = "<" if data[:2] == b"II" else ">"
    found = {}
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        for entry in range(min(count, 512)):
            tag, kind, many = struct.unpack_from(order + "HHI", data, start + 2 + 12 * entry)
            where = start + 10 + 12 * entry
            if many > 2:
                (where,) = struct.unpack_from(order + "I", data, where)
            if kind == 3:
                (found[tag],) = struct.unpack_from(order + "H", data, where)
    except struct.error:
        return found
    return found


_OF_KIND = {"png": _of_png, "jpeg": _of_jpeg, "bmp": _of_bmp, "tiff": _of_tiff}
