"""Labelled folders of pictures, read into one array on disk exactly as a station would preprocess them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.encoding import canonical_json, digest_bytes, digest_file
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.preprocess import Picture, decode, model_input
from edge_agent.contracts.recipe import Recipe

LABELS_FILE = "labels.csv"
TENSOR_SUFFIX = ".npy"
_PICTURES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", TENSOR_SUFFIX})


@dataclass(frozen=True)
class Item:
    """One picture's file, its digest, the part it shows, and its label (None where nobody said)."""

    path: Path
    digest: str
    part: str
    label: str | None


def list_items(source: Path) -> list[Item]:
    """Return the pictures of a folder with `labels.csv`, of a CSV file of that form, or of a folder without one.

    Order is that of the file, or of the names. Raises ConfigError for a missing folder, column or picture; an empty
    folder gives an empty list.
    """
    if source.is_dir() and not (source / LABELS_FILE).is_file():
        paths = sorted(p for p in source.rglob("*") if p.suffix.lower() in _PICTURES)
        return [Item(path, digest_file(path), path.stem, None) for path in paths]
    table = source / LABELS_FILE if source.is_dir() else source
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {"image", "label"} - set(reader.fieldnames or ())
            if missing:
                raise ConfigError(f"{table}: column '{min(missing)}' is missing; found {reader.fieldnames}")
            return [_item(table, number, row) for number, row in enumerate(reader, start=2)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{table}: cannot be read ({error}); give a folder of pictures with labels.csv") from error


def _item(table: Path, line: int, row: dict[str, Any]) -> Item:
    if None in row or row["image"] is None or row["label"] is None:
        raise ConfigError(f"{table}:{line}: another number of columns than the first line; correct it")
    path = table.parent / row["image"]
    if not path.is_file():
        raise ConfigError(f"{table}:{line}: picture '{row['image']}' does not exist; correct or remove the line")
    return Item(path, digest_file(path), row.get("part") or path.stem, row["label"] or None)


def set_digest(items: list[Item]) -> str:
    """Return the digest of a set of pictures with parts and labels, whatever their order and file names."""
    return digest_bytes(canonical_json(sorted([i.digest, i.part, i.label or ""] for i in items)))


def read_picture(item: Item, recipe: Recipe) -> Picture:
    """Decode one picture in the recipe's colour, as the camera gave it. Raises Rejected naming the file."""
    try:
        return decode(item.path.read_bytes(), recipe.camera.colour)
    except Rejected as error:
        raise Rejected(f"{item.path}: {error}; replace or remove it") from error
    except OSError as error:
        raise ConfigError(f"{item.path}: cannot be read ({error.strerror})") from error


def input_shape(recipe: Recipe) -> tuple[int, int, int]:
    """Return (height, width, channels) of the model's input."""
    return recipe.network.height, recipe.network.width, 1 if recipe.camera.colour.value == "grey" else 3


def write_inputs(
    items: list[Item], recipe: Recipe, target: Path, progress: Callable[[int, int], None] | None = None
) -> npt.NDArray[Any]:
    """Write all pictures as model inputs to the `.npy` file `target` and return it mapped read-only.

    The array is (N, height, width, channels), uint8; float32 where `.npy` tensors are among them, whose values are
    taken as they are. Raises Rejected naming the picture that cannot be read or has the wrong shape.
    """
    shape = input_shape(recipe)
    tensors = any(item.path.suffix.lower() == TENSOR_SUFFIX for item in items)
    if not items:
        np.save(target, np.zeros((0, *shape), np.uint8))
        return np.zeros((0, *shape), np.uint8)
    kind = np.float32 if tensors else np.uint8
    array = np.lib.format.open_memmap(target, "w+", kind, (len(items), *shape))  # type: ignore[no-untyped-call]
    for index, item in enumerate(items):
        is_tensor = item.path.suffix.lower() == TENSOR_SUFFIX
        array[index] = _tensor(item, shape) if is_tensor else model_input(read_picture(item, recipe), recipe)
        if progress:
            progress(index + 1, len(items))
    array.flush()
    written: npt.NDArray[Any] = np.load(target, mmap_mode="r", allow_pickle=False)
    return written


def _tensor(item: Item, shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
    try:
        tensor = np.load(item.path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise Rejected(f"{item.path}: no NumPy array ({error}); replace or remove it") from error
    if tensor.shape != shape:
        raise Rejected(f"{item.path}: shape {tensor.shape}, expected {shape}; preprocess it as the recipe says")
    return np.asarray(tensor, np.float32)
