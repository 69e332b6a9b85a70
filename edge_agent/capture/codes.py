"""Barcodes and two-dimensional codes in a picture: the one module that knows the decoder (zxing-cpp)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.clock import Clock
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.preprocess import crop, from_camera
from edge_agent.contracts.recipe import CodeFormat, Colour, Crop

Grey = npt.NDArray[np.uint8]

_NAMES: dict[CodeFormat, str] = {
    "data-matrix": "DataMatrix",
    "qr-code": "QRCode",
    "micro-qr-code": "MicroQRCode",
    "aztec": "Aztec",
    "pdf417": "PDF417",
    "code-128": "Code128",
    "code-93": "Code93",
    "code-39": "Code39",
    "itf": "ITF",
    "codabar": "Codabar",
}


@dataclass(frozen=True)
class _Effort:
    """One way to look. `cost` is the time it takes against the quick one: measured at most 6.3, 18 and 29, rounded up.

    `askew` is turned by 45 degrees: bars are found within some twenty degrees of upright and level.
    """

    cost: float
    thorough: bool
    sharpened: bool = False
    askew: bool = False


_QUICK, _THOROUGH = _Effort(1.0, False), _Effort(7.0, True)
_ASKEW, _SHARPENED = _Effort(20.0, True, askew=True), _Effort(32.0, True, sharpened=True)
_BARS: frozenset[CodeFormat] = frozenset({"code-128", "code-93", "code-39", "itf", "codabar"})
"""What is read along a line; the other kinds are read at any angle."""


def check_decoder() -> None:
    """Load the decoder now rather than with the first part. Raises ConfigError where it is not installed."""
    try:
        import zxingcpp  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"the recipe reads codes, but the decoder cannot be loaded ({error}); install it: pip install zxing-cpp"
        ) from error


def region_of(picture: npt.NDArray[np.uint8], region: Crop) -> Grey:
    """Return the region of a camera's picture (BGR or grey) in grey, (height, width), in one piece of memory."""
    shaped = picture if picture.ndim == 3 else picture[:, :, None]
    return np.ascontiguousarray(from_camera(crop(shaped, region), Colour.GREY)[:, :, 0])


def read_codes(
    regions: Sequence[Grey], formats: Sequence[CodeFormat], wanted: Callable[[str], bool], until: float, clock: Clock
) -> tuple[str, ...]:
    """Return the wanted texts in a part's pictures; of a GS1 code as people write it, `(01)…(21)…`.

    All pictures are looked at quickly; only where nothing wanted is found, thoroughly, turned (where `formats` has bar
    codes), and then enlarged and sharpened.
    A decoder cannot be interrupted: a look that would probably end after `until` (monotonic seconds) is not begun. How
    long it will take follows from the looks before it, so that a busy processor is reckoned with.
    """
    unit_s = 0.0
    turned = () if _BARS.isdisjoint(formats) else (_ASKEW,)
    for effort in (_QUICK, _THOROUGH, *turned, _SHARPENED):
        found: list[str] = []
        for region in regions:
            started = clock.monotonic()
            if started + effort.cost * unit_s > until:
                return tuple(found)
            found += [text for text in _texts(region, formats, effort) if wanted(text)]
            unit_s = max(unit_s, (clock.monotonic() - started) / effort.cost)
        if found:
            return tuple(found)
    return ()


def _texts(region: Grey, formats: Sequence[CodeFormat], effort: _Effort) -> list[str]:
    import zxingcpp

    seen = _sharpened(region) if effort.sharpened else _turned(region) if effort.askew else region
    barcodes = zxingcpp.read_barcodes(
        seen,
        formats=zxingcpp.BarcodeFormats([getattr(zxingcpp.BarcodeFormat, _NAMES[name]) for name in formats]),
        try_rotate=effort.thorough,
        try_downscale=effort.thorough,
        try_invert=effort.thorough,
    )
    return [barcode.text for barcode in barcodes if barcode.valid]


def _turned(region: Grey) -> Grey:
    """Return the region turned by 45 degrees, on white ground."""
    height, width = region.shape
    side = int(np.hypot(height, width)) + 2
    matrix = np.array(cv2.getRotationMatrix2D((width / 2, height / 2), 45.0, 1.0), np.float64)
    matrix[:, 2] += (side - width) / 2, (side - height) / 2
    return np.asarray(cv2.warpAffine(region, matrix, (side, side), borderValue=(255.0,)), np.uint8)


def _sharpened(region: Grey) -> Grey:
    """Return the region at twice its size, edges steepened: of blurred small codes it saves about one in four."""
    large = cv2.resize(region, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_CUBIC)
    smooth = cv2.GaussianBlur(large, (0, 0), 3.0)
    return np.asarray(cv2.addWeighted(large, 2.5, smooth, -1.5, 0.0), np.uint8)
