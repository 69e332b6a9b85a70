"""From an encoded picture to the model's input: the one way, used in training and on the device.

There is one resize, `cv2.INTER_LINEAR` without antialiasing, and one channel order, the recipe's. Another
resize differs by up to 120 grey levels on fine scratches, which a model notices and a person does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.contracts import picture_file
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Colour, Crop, Network, Recipe

Picture = npt.NDArray[np.uint8]
"""Shape (height, width, channels), uint8; channels is 1 (grey) or 3 (RGB)."""

Size = tuple[int, int]
"""Height and width, or rows and columns."""

Value = TypeVar("Value", bound=np.generic)

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
    (top, bottom), (left, right) = _edges(picture.shape[:2], region)
    return picture[top:bottom, left:right]


def _edges(size: Sequence[int], region: Crop) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return (top, bottom) and (left, right) of the region in a picture of (height, width), in pixels."""
    height, width = size[0], size[1]
    left, top = int(region.left * width), int(region.top * height)
    right, bottom = round(region.right * width), round(region.bottom * height)
    return (top, max(bottom, top + 1)), (left, max(right, left + 1))


def resize(picture: Picture, height: int, width: int) -> Picture:
    """Stretch the picture to (height, width) with the one named resize."""
    if picture.shape[:2] == (height, width):
        return picture
    out = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(out, np.uint8).reshape(height, width, picture.shape[2])


def fitted(picture: Picture, network: Network) -> Picture:
    """Bring a cropped picture to the network's height and width, as `network.fit` says."""
    height, width = network.height, network.width
    if network.fit == "stretch":
        return resize(picture, height, width)
    return padded(resize(picture, *kept_size(picture.shape[:2], network)), height, width)


def padded(picture: Picture, height: int, width: int) -> Picture:
    """Fill what is missing below and to the right with the picture's mirror image; its outermost pixels come once."""
    if picture.shape[:2] == (height, width):
        return picture
    below, aside = height - picture.shape[0], width - picture.shape[1]
    out = cv2.copyMakeBorder(picture, 0, below, 0, aside, cv2.BORDER_REFLECT_101)
    return np.asarray(out, np.uint8).reshape(height, width, picture.shape[2])


def kept_size(size: Sequence[int], network: Network) -> Size:
    """Return (rows, columns) that a cropped picture of (height, width) has within the network's input, see `fitted`.

    A padded one keeps its size; one that is too large keeps its ratio.
    """
    if network.fit == "stretch":
        return network.height, network.width
    scale = min(1.0, network.height / size[0], network.width / size[1])
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


def shown(seen: npt.NDArray[Value], size: Sequence[int], recipe: Recipe) -> npt.NDArray[Value]:
    """Return the part that shows the picture: of the model's input, or of a map over it (rows, columns, …).

    `size` is (height, width) of the whole picture before the crop. What lies beyond is its mirror image.
    """
    if recipe.network.fit == "stretch":
        return seen
    (top, bottom), (left, right) = _edges(size, recipe.camera.crop)
    kept = kept_size((bottom - top, right - left), recipe.network)
    return cut_out(seen, kept, (recipe.network.height, recipe.network.width))


def cut_out(seen: npt.NDArray[Value], kept: Size, of: Size) -> npt.NDArray[Value]:
    """Return the upper left part of a map over (height, width) `of`: the cells that cover `kept` of its pixels."""
    return seen[: -(-kept[0] * seen.shape[0] // of[0]), : -(-kept[1] * seen.shape[1] // of[1])]


def model_input(picture: Picture, recipe: Recipe) -> Picture:
    """Return what the model sees: cropped and fitted, (height, width, channels), uint8 0..255."""
    return fitted(crop(picture, recipe.camera.crop), recipe.network)


def camera_input(frame: npt.NDArray[np.uint8], recipe: Recipe) -> Picture:
    """Return what the model sees of OpenCV's BGR or grey frame: `model_input` of `from_camera`, to the last bit.

    Cropped first, and made RGB last, for that is only another order of the channels: of a frame of two megapixels the
    conversion alone would take a millisecond. Grey is made before the resize, which rounds.
    """
    colour, part = recipe.camera.colour, crop(frame, recipe.camera.crop)
    if colour is Colour.RGB and part.ndim == 3 and part.shape[2] == 3:
        return from_camera(fitted(part, recipe.network), colour)
    return fitted(from_camera(part, colour), recipe.network)


def to_original(x: float, y: float, region: Crop) -> tuple[float, float]:
    """Map a point given as fractions of the cropped picture to fractions of the original picture."""
    return (
        region.left + x * (region.right - region.left),
        region.top + y * (region.bottom - region.top),
    )
