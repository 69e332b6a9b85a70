"""StatisticsGen: TensorFlow Data Validation's statistics of every split, computed in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer.components.manifest import SPLITS
from trainer.components.tables import frame
from trainer.pipeline.step import Context

FILE = "FeatureStats.pb"


def statistics_gen(examples: Path, statistics: Path, context: Context) -> dict[str, Any]:
    """Write `Split-<name>/FeatureStats.pb` for every split that has pictures."""
    import tensorflow_data_validation as tfdv

    found = []
    for name in SPLITS:
        table = frame(examples, name)
        if not len(table):
            continue
        context.progress(f"{name}: {len(table)} pictures", None)
        result = tfdv.generate_statistics_from_dataframe(table, n_jobs=1)
        folder = statistics / f"Split-{name}"
        folder.mkdir()
        (folder / FILE).write_bytes(result.SerializeToString(deterministic=True))
        found.append(name)
    return {"statistics": {"split_names": str(found)}}


def load_statistics(statistics: Path, split: str) -> Any | None:
    """Return a split's DatasetFeatureStatisticsList; None when the split is empty."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    path = statistics / f"Split-{split}" / FILE
    if not path.is_file():
        return None
    result = statistics_pb2.DatasetFeatureStatisticsList()
    result.ParseFromString(path.read_bytes())
    return result
