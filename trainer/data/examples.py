"""The Examples artifact: sharded TFRecord files of pictures as the model sees them, with what is known of each.

Features: `image` and `mask` (raw uint8 bytes), `masked` (int64, 1 = the mask is known), `label`, `part`, `exposure`,
`station`, `lot`, `name`, `sha256` (text), and the picture's quality measures (float). An empty text is a missing value.
`@kept` (two int64): the rows and columns that show the picture, where it was padded. One folder `Split-<name>` a split.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.quality import QUALITY_FEATURES
from trainer.data.records import KEPT
from trainer.data.tfrecord import write_tfrecord
from trainer.data.wire import bytes_feature, example, float_feature, int_feature

TEXTS = ("label", "part", "exposure", "station", "lot", "name", "sha256")
COLUMNS = (*TEXTS, "masked", *QUALITY_FEATURES)
"""Everything but the pictures."""


@dataclass(frozen=True)
class Example:
    """One picture: (H, W, C) uint8, its mask (H, W) 0 or 1, its texts and its quality measures in order.

    `kept` are the rows and columns that show it; None = all do.
    """

    image: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.uint8]
    masked: bool
    texts: dict[str, str]
    quality: tuple[float, ...]
    kept: tuple[int, int] | None = None


def write_shard(examples: Iterable[Example], path: Path) -> None:
    """Write one TFRecord file; the same examples give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tfrecord(path, map(_serialized, examples))


def _serialized(one: Example) -> bytes:
    features = {"image": bytes_feature(one.image.tobytes()), "mask": bytes_feature(one.mask.tobytes())}
    features |= {name: bytes_feature(one.texts[name].encode()) for name in TEXTS if one.texts[name]}
    features |= {name: float_feature(value) for name, value in zip(QUALITY_FEATURES, one.quality, strict=True)}
    if one.kept is not None and one.kept != one.image.shape[:2]:
        features[KEPT] = int_feature(*one.kept)
    return example(features | {"masked": int_feature(int(one.masked))})
