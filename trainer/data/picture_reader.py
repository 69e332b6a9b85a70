"""Reading one picture of a data folder: nothing but a file inside the folder, of a size that memory can bear."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.preprocess import Picture, decode, model_input, shown
from edge_agent.contracts.recipe import Colour, Recipe
from trainer.data.alike import Thumbnail, thumbnail
from trainer.data.oddities import Size, check_mask
from trainer.data.picture_traits import is_coloured, traits
from trainer.data.quarantine import CHANGED
from trainer.vision.data import mask_input

MAX_BYTES = 512 << 20
Listed = Mapping[str, Any]
"""A row of a listing, see `trainer.data.source`."""


@dataclass(frozen=True)
class Found:
    """A picture as the model sees it, its mask (H, W) 0 or 1, whether a mask was given, and what was unusual.

    `size` is the height and width of the file's picture, `coloured` whether it holds colours, `kept` the rows
    and columns of the image that show the picture, `small` what it is compared with others by.
    """

    image: Picture
    mask: npt.NDArray[np.uint8]
    masked: bool
    traits: frozenset[str]
    size: Size
    coloured: bool
    kept: Size
    small: Thumbnail


def read_picture(row: Listed, folder: Path, recipe: Recipe) -> Found:
    """Read and decode a listed picture and its mask; `folder` is resolved. Raises Rejected with the reason."""
    data = read_listed(folder, row["image"], row["sha256"])
    picture = decode(data, recipe.camera.colour)
    size = (int(picture.shape[0]), int(picture.shape[1]))
    image = model_input(picture, recipe)
    whole = shown(image, size, recipe)
    mask = mask_input(_mask(row, folder, size), recipe)
    kept, coloured = (whole.shape[0], whole.shape[1]), is_coloured(data)
    return Found(image, mask, bool(row["mask"]), traits(data, row["image"]), size, coloured, kept, thumbnail(whole))


def _mask(row: Listed, folder: Path, size: Size) -> npt.NDArray[np.uint8] | None:
    if not row["mask"]:
        return None
    try:
        mask = decode(read_listed(folder, row["mask"], row["mask_sha256"]), Colour.GREY)[:, :, 0]
        check_mask(int(mask.max()), (int(mask.shape[0]), int(mask.shape[1])), size)
        return mask
    except Rejected as error:
        raise Rejected(f"its mask {row['mask']}: {error}") from error


def read_listed(folder: Path, name: str, sha256: str) -> bytes:
    """Return a file's bytes and make sure they are what was listed: the digest of the data is part of every later key.

    Raises Rejected for what is missing, no file, outside the folder (by a link), too long, not readable or changed.
    """
    path = folder / name
    try:
        seen = path.stat()
        if not stat.S_ISREG(seen.st_mode):
            raise Rejected("not a file")
        if not path.resolve().is_relative_to(folder):
            raise Rejected("leads outside the folder by a link; copy the file into it")
        if seen.st_size > MAX_BYTES:
            raise Rejected(f"{seen.st_size} bytes long; at most {MAX_BYTES} are read")
        data = path.read_bytes()
    except OSError as error:
        raise Rejected(f"cannot be read ({error.strerror})") from error
    if digest_bytes(data) != sha256:
        raise Rejected(f"{CHANGED} the pipeline ran; run again when nobody writes to the folder")
    return data
