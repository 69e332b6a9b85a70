"""What a model for tables sees: the outputs of `preprocessing_fn`, described and read from the Transform's files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.errors import Rejected
from trainer.tabular.examples import read_split
from trainer.tabular.values import LABEL, PART

FEATURES = "features.json"
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Feature:
    """One output of `preprocessing_fn`, without the axis of rows.

    `categories`: it is a whole number below this one (a place in a vocabulary, a bucket); None for any other.
    """

    shape: tuple[int, ...]
    dtype: str
    categories: int | None


def feature_of(parts: Sequence[npt.NDArray[Any]], answers: npt.NDArray[Any] | None) -> Feature:
    """Describe an output by its values in all splits and, of a text, for all that a device may ask (`answers`).

    Raises Rejected for NaN and infinity.
    """
    parts = [part for part in (*parts, *([] if answers is None else [answers])) if len(part)]
    first = parts[0]
    if first.dtype.kind == "f" and any(not np.isfinite(part).all() for part in parts):
        raise Rejected("preprocessing_fn gives NaN or infinity; a missing number is NaN: put the mean in its place")
    whole = first.dtype.kind in "iu" and min(int(part.min()) for part in parts) >= 0
    categories = max(int(part.max()) for part in parts) + 1 if whole else None
    return Feature(tuple(first.shape[1:]), first.dtype.name, categories)


def write_features(features: Mapping[str, Feature], transformed: Path) -> None:
    """Write what the outputs are."""
    content = {name: asdict(feature) for name, feature in features.items()}
    (transformed / FEATURES).write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")


def read_features(transformed: Path) -> dict[str, Feature]:
    """Return what the outputs are, by name in order."""
    content = json.loads((transformed / FEATURES).read_text(encoding="utf-8"))
    return {n: Feature(tuple(f["shape"]), f["dtype"], f["categories"]) for n, f in sorted(content.items())}


def write_outputs(outputs: Mapping[str, npt.NDArray[Any]], folder: Path) -> None:
    """Write the outputs of one split, one file each in the order of their names."""
    folder.mkdir()
    for number, name in enumerate(sorted(outputs)):
        np.save(folder / f"{number:03d}.npy", outputs[name])


@dataclass(frozen=True)
class Rows:
    """A split as the network sees it: `inputs` by name (n, …), class index (n,) and part of each row."""

    inputs: Arrays
    labels: npt.NDArray[np.int64]
    parts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


def load_rows(examples: Path, transformed: Path, split: str, names: Sequence[str]) -> Rows:
    """Read a split; the labels' numbers are their places in `names`. Raises Rejected for another label."""
    folder = transformed / f"Split-{split}"
    found = {name: np.load(folder / f"{k:03d}.npy") for k, name in enumerate(read_features(transformed))}
    table = read_split(examples, split)
    return Rows(found, label_places(table.texts[LABEL], names), tuple(table.texts[PART]))


def label_places(labels: npt.NDArray[np.object_], names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the place of each label. Raises Rejected for an unknown one."""
    places = {name: place for place, name in enumerate(names)}
    unknown = sorted(set(labels) - set(places))
    if unknown:
        raise Rejected(f"label '{unknown[0]}' is none of {', '.join(names)}; validate the examples")
    return np.asarray([places[label] for label in labels], np.int64)
