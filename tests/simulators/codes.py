"""Printed codes in pictures of parts, as a camera would see them: drawn by the decoder's own writer, then spoilt."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

from tests.simulators.line import GOOD, picture

Picture = npt.NDArray[np.uint8]

KINDS = {
    "data-matrix": zxingcpp.BarcodeFormat.DataMatrix,
    "qr-code": zxingcpp.BarcodeFormat.QRCode,
    "code-128": zxingcpp.BarcodeFormat.Code128,
}
LABEL = (120, 320)
"""Height and width of the white strip below the part on which codes are printed."""


def code(text: str, kind: str = "data-matrix", scale: int = 3, gs1: bool = False) -> Picture:
    """A code in black on white with its quiet zone, `scale` pixels a module."""
    drawn = zxingcpp.create_barcode(text, KINDS[kind], gs1=gs1)
    return np.asarray(zxingcpp.write_barcode_to_image(drawn, scale=scale), np.uint8)


def labelled(*codes: Picture, name: str = GOOD) -> Picture:
    """A part of the fixtures above a strip of label with these codes side by side.

    The recipe's crop must leave the strip out: see `PART` and `STRIP`.
    """
    part = cv2.resize(picture(name), (LABEL[1], LABEL[1]))
    strip = np.full(LABEL, 255, np.uint8)
    left = 4
    for one in codes:
        strip[2 : 2 + one.shape[0], left : left + one.shape[1]] = one
        left += one.shape[1] + 8
    return np.vstack([part, strip])


_SHARE = LABEL[1] / (LABEL[0] + LABEL[1])
PART = {"left": 0.0, "top": 0.0, "right": 1.0, "bottom": _SHARE}
STRIP = {"left": 0.0, "top": _SHARE, "right": 1.0, "bottom": 1.0}
"""Where part and label lie in such a picture, as fractions."""


def turned(image: Picture, degrees: float) -> Picture:
    """The picture turned about its middle on white ground, large enough to hold all of it."""
    height, width = image.shape
    side = int(np.hypot(height, width)) + 2
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    matrix[:, 2] += (side - width) / 2, (side - height) / 2
    return np.asarray(cv2.warpAffine(image, matrix, (side, side), borderValue=255), np.uint8)


def blurred(image: Picture, sigma: float) -> Picture:
    """The picture out of focus, `sigma` in pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def faded(image: Picture, dark: int, light: int) -> Picture:
    """The picture's grey levels squeezed between two."""
    return np.asarray(dark + image.astype(np.float32) / 255 * (light - dark), np.uint8)
