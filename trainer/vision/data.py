"""Pictures on their way into training: already preprocessed, in memory, or in TFRecord files.

Preprocessing itself happens in `edge_agent.contracts.preprocess` alone.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.contracts.encoding import canonical_json, digest_bytes
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.preprocess import Value, crop, cut_out, decode, kept_size, model_input, padded, shown
from edge_agent.contracts.recipe import Colour, Recipe
from trainer.data.tfrecord import read_tfrecord, write_tfrecord
from trainer.data.wire import bytes_feature, example, int_feature, values_of

Batch = dict[str, npt.NDArray[Any]]
"""`images` (n, H, W, C) uint8, `labels` (n,) int32, `masks` (n, H, W) uint8, `masked` (n,) float32."""


@dataclass(frozen=True)
class Pictures:
    """Labelled pictures as the model sees them.

    `images` (n, H, W, C) uint8; `labels` (n,) int64, index into `recipe.labels.names`; `parts` names the physical part
    of each picture; `masks` (n, H, W) uint8, 1 = defect; `masked` (n,) bool says for which pictures the mask is
    known. A good picture's mask is known to be empty. `kept` (n, 2) are the rows and columns that show the picture,
    where it was padded; None = all do.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    parts: tuple[str, ...]
    masks: npt.NDArray[np.uint8]
    masked: npt.NDArray[np.bool_]
    kept: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def digest(self) -> str:
        """Return a hash of all of it."""
        arrays = (self.images, self.labels, self.masks, self.masked)
        named = [digest_bytes(np.ascontiguousarray(array).tobytes()) for array in arrays]
        return digest_bytes(canonical_json([*named, list(self.parts)]))

    def subset(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Pictures:
        """Return the pictures that a mask or an index array of the first axis chooses."""
        places = np.arange(len(self))[chosen]
        return Pictures(
            self.images[places],
            self.labels[places],
            tuple(self.parts[place] for place in places),
            self.masks[places],
            self.masked[places],
            None if self.kept is None else self.kept[places],
        )

    def shown(self, seen: npt.NDArray[Value], place: int) -> npt.NDArray[Value]:
        """Return the part of a picture's image, mask or heatmap that shows it: what lies beyond is its mirror image."""
        if self.kept is None:
            return seen
        rows, columns = self.kept[place].tolist()
        return cut_out(seen, (rows, columns), (self.images.shape[1], self.images.shape[2]))

    def within(self, maps: npt.NDArray[Value]) -> npt.NDArray[Value]:
        """Return masks or heatmaps of all pictures (n, rows, columns) with 0 wherever they lie beyond their picture."""
        if self.kept is None:
            return maps
        found = np.zeros_like(maps)
        for place, one in enumerate(maps):
            cut = self.shown(one, place)
            found[place, : cut.shape[0], : cut.shape[1]] = cut
        return found

    def of_parts(self, parts: Iterable[str]) -> Pictures:
        """Return all pictures of the named parts."""
        wanted = set(parts)
        return self.subset(np.asarray([part in wanted for part in self.parts], bool))


def mask_input(mask: npt.NDArray[np.uint8] | None, recipe: Recipe) -> npt.NDArray[np.uint8]:
    """Bring a mask (rows, columns), above 127 = defect, to the model's input size; 1 where a pixel is touched.

    None gives an empty mask. Area averaging, so that a defect smaller than a pixel of the input is not lost. Where the
    picture is mirrored, its defects are, too.
    """
    network = recipe.network
    if mask is None:
        return np.zeros((network.height, network.width), np.uint8)
    defective = (crop(mask[:, :, None], recipe.camera.crop)[:, :, 0] > 127).astype(np.float32)
    rows, columns = kept_size(defective.shape, network)
    shares = cv2.resize(defective, (columns, rows), interpolation=cv2.INTER_AREA)
    touched = np.asarray(shares > 0.1, np.uint8)[:, :, None]
    return padded(touched, network.height, network.width)[:, :, 0]


Joined = tuple[npt.NDArray[np.uint8], str, str, npt.NDArray[np.uint8] | None]
"""Model input, label, part, original mask or None."""


def join(rows: Sequence[Joined], recipe: Recipe) -> Pictures:
    """Join rows of (model input, label, part, original mask or None). Raises Rejected for an unknown label."""
    names = recipe.labels.names
    unknown = sorted({label for _, label, _, _ in rows} - set(names))
    if unknown:
        raise Rejected(f"label '{unknown[0]}' is not in the recipe ({', '.join(names)}); add it there or correct it")
    if not rows:
        raise Rejected("no pictures were given; at least one is needed")
    labels = np.asarray([names.index(label) for _, label, _, _ in rows], np.int64)
    masks = np.stack([mask_input(mask, recipe) for _, _, _, mask in rows])
    return Pictures(
        np.stack([image for image, _, _, _ in rows]),
        labels,
        tuple(part for _, _, part, _ in rows),
        masks,
        (labels == 0) | (masks.sum(axis=(1, 2)) > 0),
    )


def load_folder(folder: Path, recipe: Recipe) -> Pictures:
    """Read a folder with `labels.csv` (columns image, mask, part, label). Raises Rejected naming the bad row."""
    try:
        with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
            table = list(csv.DictReader(file))
        rows = [_read_row(folder, row, recipe) for row in table]
        pictures = join([row for row, _ in rows], recipe)
        padded = recipe.network.fit == "pad"
        return replace(pictures, kept=np.asarray([kept for _, kept in rows], np.int64)) if padded else pictures
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise Rejected(f"{folder}: not a folder of labelled pictures ({error}); see the documentation") from error


def _read_row(folder: Path, row: dict[str, str], recipe: Recipe) -> tuple[Joined, tuple[int, ...]]:
    """Return a picture as `join` takes it, and the rows and columns of it that show the picture."""
    whole = decode((folder / row["image"]).read_bytes(), recipe.camera.colour)
    image = model_input(whole, recipe)
    mask = decode((folder / row["mask"]).read_bytes(), Colour.GREY)[:, :, 0] if row.get("mask") else None
    return (image, row["label"], row["part"], mask), shown(image, whole.shape, recipe).shape[:2]


def write_records(pictures: Pictures, path: Path) -> None:
    """Write a TFRecord file: features `image` and `mask` (raw bytes), `masked`, `label` (int64), `part`."""
    write_tfrecord(path, (_serialized(pictures, place) for place in range(len(pictures))))


def _serialized(pictures: Pictures, place: int) -> bytes:
    raw = {"image": pictures.images[place].tobytes(), "mask": pictures.masks[place].tobytes()}
    numbers = {"masked": int(pictures.masked[place]), "label": int(pictures.labels[place])}
    texts = raw | {"part": pictures.parts[place].encode()}
    features = {name: bytes_feature(value) for name, value in texts.items()}
    return example(features | {name: int_feature(value) for name, value in numbers.items()})


def read_records(paths: Sequence[Path], recipe: Recipe, channels: int) -> Pictures:
    """Read what `write_records` wrote. Raises Rejected when the pictures are not of the recipe's size."""
    records = (record for path in paths for record in read_tfrecord(path))
    rows: list[dict[str, Any]] = [{name: value for name, (value,) in values_of(record)} for record in records]
    height, width = recipe.network.height, recipe.network.width
    if not rows:
        raise Rejected(f"{', '.join(map(str, paths))}: no pictures in it; at least one is needed")
    try:
        images = [np.frombuffer(r["image"], np.uint8).reshape(height, width, channels) for r in rows]
        masks = [np.frombuffer(r["mask"], np.uint8).reshape(height, width) for r in rows]
    except ValueError as error:
        raise Rejected(f"{paths[0]}: pictures are not {height}x{width}x{channels} as the recipe says") from error
    return Pictures(
        np.stack(images),
        np.asarray([r["label"] for r in rows], np.int64),
        tuple(r["part"].decode() for r in rows),
        np.stack(masks),
        np.asarray([r["masked"] for r in rows], bool),
    )
