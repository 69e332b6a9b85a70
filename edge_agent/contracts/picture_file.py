"""What an encoded picture's own bytes say before it is decoded: its kind, its size, whether its end is there.

Decoders allocate what a header claims and fill up what a cut-off file lacks; both must be found out first.
"""

from __future__ import annotations

import struct

from edge_agent.contracts.errors import Rejected

MAX_PIXELS = 64_000_000
_PNG, _JPEG, _BMP, _TIFF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", (b"II*\x00", b"MM\x00*")
_TAIL = 64


def check(data: bytes) -> None:
    """Raise Rejected where `data` is no JPEG, PNG, BMP or TIFF, claims more than 64 megapixels, or is cut off."""
    kind = picture_kind(data)
    if kind is None:
        raise Rejected(f"not a readable picture ({len(data)} bytes); expected JPEG, PNG, BMP or TIFF")
    width, height = _SIZES[kind](data)
    if width * height > MAX_PIXELS:
        raise Rejected(
            f"picture claims {width} x {height} pixels; at most {MAX_PIXELS // 1_000_000} megapixels are read"
        )
    end = {"png": b"IEND", "jpeg": b"\xff\xd9"}.get(kind)
    if end is not None and end not in data[-_TAIL:]:
        raise Rejected(f"not a readable picture ({len(data)} bytes): the {kind} file is cut off")


def picture_kind(data: bytes) -> str | None:
    """Return `png`, `jpeg`, `bmp`, `tiff` or None by the content's first bytes."""
    if data.startswith(_PNG):
        return "png"
    if data.startswith(_JPEG):
        return "jpeg"
    if data.startswith(_TIFF):
        return "tiff"
    return "bmp" if data.startswith(_BMP) else None


def _png_size(data: bytes) -> tuple[int, int]:
    width, height = _unpack(">II", data, 16)
    return width, height


def _bmp_size(data: bytes) -> tuple[int, int]:
    width, height = _unpack("<ii", data, 18)
    return abs(width), abs(height)


def _tiff_size(data: bytes) -> tuple[int, int]:
    """Follow the first directory to ImageWidth (256) and ImageLength (257), TIFF 6.0 section 2."""
    order = "<" if data.startswith(b"II") else ">"
    (start,) = _unpack(order + "I", data, 4)
    (count,) = _unpack(order + "H", data, start)
    size = {256: 0, 257: 0}
    for entry in range(min(count, 512)):
        tag, kind = _unpack(order + "HH", data, start + 2 + 12 * entry)
        if tag in size:
            (size[tag],) = _unpack(order + ("H" if kind == 3 else "I"), data, start + 10 + 12 * entry)
    return size[256], size[257]


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Walk the segments to the frame header (SOF0 to SOF15 without DHT, JPG, DAC), ITU T.81 B.2.2."""
    place = 2
    while True:
        marker, length = _unpack(">HH", data, place)
        if 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC):
            height, width = _unpack(">HH", data, place + 5)
            return width, height
        if length < 2 or marker < 0xFF00:
            raise Rejected("not a readable picture: the JPEG's segments are damaged")
        place += 2 + length


def _unpack(form: str, data: bytes, offset: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, data, offset)
    except struct.error as error:
        raise Rejected(f"not a readable picture ({len(data)} bytes): the header is cut off") from error


_SIZES = {"png": _png_size, "jpeg": _jpeg_size, "bmp": _bmp_size, "tiff": _tiff_size}


def picture_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels, as the picture's header claims them. Raises Rejected for no picture."""
    kind = picture_kind(data)
    if kind is None:
        raise Rejected(f"not a readable picture ({len(data)} bytes); expected JPEG, PNG, BMP or TIFF")
    return _SIZES[kind](data)
