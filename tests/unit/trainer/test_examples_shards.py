"""Examples in several files: read side by side, every picture with its own columns, each time in one order."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_agent.contracts.quality import QUALITY_FEATURES
from trainer.data.examples import TEXTS, Example, write_shard
from trainer.data.picture_columns import columns, pictures


def example(number: int) -> Example:
    texts = {name: f"{name}-{number}" for name in TEXTS}
    image = np.full((4, 6, 1), number, np.uint8)
    return Example(image, image[:, :, 0] % 2, bool(number % 3), texts, (float(number),) * len(QUALITY_FEATURES))


def test_pictures_and_columns_of_many_files_stay_together(tmp_path: Path) -> None:
    sizes = (5, 1, 7, 2, 3, 4, 6, 2, 9, 1, 3)
    number = 0
    for shard, size in enumerate(sizes):
        path = tmp_path / "Split-train" / f"data_tfrecord-{shard:05d}-of-{len(sizes):05d}"
        write_shard([example(number + k) for k in range(size)], path)
        number += size
    alone = columns(tmp_path, "train")
    found = pictures(tmp_path, "train", (4, 6, 1))
    levels = found.images[:, 0, 0, 0].tolist()
    assert sorted(levels) == list(range(number))
    assert found.texts("part") == tuple(f"part-{level}" for level in levels)
    assert (found.masks[:, 0, 0] == np.asarray(levels) % 2).all()
    assert [value.decode() for value in alone["part"]] == list(found.texts("part"))
    assert (pictures(tmp_path, "train", (4, 6, 1)).images == found.images).all()
