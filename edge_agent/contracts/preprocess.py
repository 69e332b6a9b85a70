"""From an encoded picture to the model's input: the one way, used in training and on the device.

There is one resize, `cv2.INTER_LINEAR` without antialiasing, and one channel order, the recipe's. Another
resize differs by up to 120 grey levels on fine scratches, which a model notices and a person does not.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.contracts import picture_file
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Colour, Crop, Recipe

Picture = npt.NDArray[np.uint8]
"""Shape (height, width, channels), uint8; channels is 1 (grey) or 3 (RGB)."""

RESIZE = "cv2-inter-linear"


def decode(data: bytes, colour: Colour) -> Picture:
    """Decode JPEG, PNG, BMP or TIFF bytes by content; EXIF rotation applied, 16 bit scaled down to 8.

    Grey is made of colour as for a camera's frame: the decoders' own conversion to grey differs by one level.
    Raises Rejected for anything that is not a whole picture.
    """
    return from_camera(decode_frame(data), colour)


def decode_frame(data: bytes) -> npt.NDArray[np.uint8]:
    """Decode a picture file to what a camera would give: BGR (height, width, 3) or grey (height, width).

    Raises Rejected for anything that is not a whole picture.
    """
    picture_file.check(data)
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYCOLOR)
    except cv2.error as error:
        raise Rejected(f"not a readable picture ({len(data)} bytes)") from error
    if picture is None:
        raise Rejected(f"not a readable picture ({len(data)} bytes): its content is damaged")
    return np.asarray(picture, np.uint8)


def from_camera(frame: npt.NDArray[np.uint8], colour: Colour) -> Picture:
    """Turn OpenCV's BGR or grey frame into a picture of the recipe's channel order."""
    if frame.ndim == 2 or frame.shape[2] == 1:
        grey = frame.reshape(frame.shape[0], frame.shape[1], 1)
        return grey if colour is Colour.GREY else np.repeat(grey, 3, axis=2)
    if colour is Colour.GREY:
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)[:, :, None]
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)


def crop(picture: Picture, region: Crop) -> Picture:
    """Return the region of interest; at least one pixel wide and high."""
    height, width = picture.shape[:2]
    left, top = int(region.left * width), int(region.top * height)
    right, bottom = round(region.right * width), round(region.bottom * height)
    return picture[top : max(bottom, top + 1), left : max(right, left + 1)]


def resize(picture: Picture, height: int, width: int) -> Picture:
    """Stretch the picture to (height, width) with the one named resize."""
    if picture.shape[:2] == (height, width):
        return picture
    out = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(out, np.uint8).reshape(height, width, picture.shape[2])


def model_input(picture: Picture, recipe: Recipe) -> Picture:
    """Return what the model sees: cropped and resized, (height, width, channels), uint8 0..255."""
    return resize(crop(picture, recipe.camera.crop), recipe.network.height, recipe.network.width)


def camera_input(frame: npt.NDArray[np.uint8], recipe: Recipe) -> Picture:
    """Return what the model sees of OpenCV's BGR or grey frame: `model_input` of `from_camera`, to the last bit.

    Cropped first, and made RGB last, for that is only another order of the channels: of a frame of two megapixels the
    conversion alone would take a millisecond. Grey is made before the resize, which rounds.
    """
    colour, part = recipe.camera.colour, crop(frame, recipe.camera.crop)
    size = recipe.network.height, recipe.network.width
    if colour is Colour.RGB and part.ndim == 3 and part.shape[2] == 3:
        return from_camera(resize(part, *size), colour)
    return resize(from_camera(part, colour), *size)


def to_original(x: float, y: float, region: Crop) -> tuple[float, float]:
    """Map a point given as fractions of the cropped picture to fractions of the original picture."""
    return (
        region.left + x * (region.right - region.left),
        region.top + y * (region.bottom - region.top),
    )
