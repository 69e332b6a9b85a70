"""What is unusual about an encoded picture and is made usual by decoding it: found in its header, by content."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from edge_agent.contracts.picture_file import picture_kind

SIXTEEN_BIT, CMYK, PALETTE, ROTATED, MISNAMED = "16 bit", "CMYK", "palette", "rotated by EXIF", "misnamed"
_EXTENSIONS = {"png": (".png",), "jpeg": (".jpg", ".jpeg"), "bmp": (".bmp",), "tiff": (".tif", ".tiff")}
_BITS, _ORIENTATION = 258, 274


def traits(data: bytes, name: str) -> frozenset[str]:
    """Return what is unusual about a whole picture file named `name`."""
    kind = picture_kind(data) or ""
    found = set(_OF_KIND[kind](data)) if kind in _OF_KIND else set()
    if Path(name).suffix.lower() not in _EXTENSIONS.get(kind, ()):
        found.add(MISNAMED)
    return frozenset(found)


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
    """Walk the segments (ITU T.81 B.1.1.4): APP1 may hold EXIF, the frame header says how many components there are."""
    place = 2
    while place + 10 <= len(data):
        marker, length = struct.unpack_from(">HH", data, place)
        if marker == 0xFFE1 and data[place + 4 : place + 10] == b"Exif\0\0":
            if _tags(data[place + 10 : place + 2 + length]).get(_ORIENTATION, 1) > 1:
                yield ROTATED
        elif 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC):
            if data[place + 9] == 4:
                yield CMYK
            return
        place += 2 + max(length, 2)


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
