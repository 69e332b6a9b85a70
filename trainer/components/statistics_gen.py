"""StatisticsGen: TensorFlow Data Validation's statistics of every split and of slices of it.

In memory below a number of records, on Beam above it, with the same result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edge_agent.contracts.errors import Rejected
from trainer.data.manifest import SPLITS
from trainer.data.records import NO_FEATURES, batches, decoded, merged, shards, slim, split_names
from trainer.pipeline.step import Context

FILE = "FeatureStats.pb"
ALL = "All Examples"
"""Name of the statistics of a whole split beside those of its slices; they come first."""
_MOST_SLICES = 50
_BATCH = 1024


def statistics_gen(
    examples: Path,
    statistics: Path,
    slices: Sequence[str],
    memory_records: int,
    context: Context,
    beam: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Write `Split-<name>/FeatureStats.pb` for every split that has records.

    `slices` names the columns by whose values statistics are made, too; a column with more than 50 values, or none,
    makes no slices. From `memory_records` on Beam computes, where `beam` says (`trainer.beam.pipelines`).
    """
    found = []
    for name in ordered(split_names(examples)):
        context.progress(name, None)
        table, features = _read(examples, name, memory_records)
        if not features:
            continue
        sliced = [column for column in slices if 1 < features.get(column, 0) <= _MOST_SLICES]
        result = on_beam(examples, name, sliced, beam) if table is None else of_table(table, sliced)
        folder = statistics / f"Split-{name}"
        folder.mkdir()
        (folder / FILE).write_bytes(result.SerializeToString(deterministic=True))
        found.append(name)
    return {"statistics": {"split_names": str(found)}}


def ordered(names: Sequence[str]) -> list[str]:
    """Return splits in the order in which people think of them: train, eval, test, then any other."""
    return sorted(names, key=lambda name: (SPLITS.index(name) if name in SPLITS else len(SPLITS), name))


def _read(examples: Path, split: str, memory_records: int) -> tuple[Any | None, dict[str, int]]:
    """Return the records of a split as one table, None when there are too many for memory, and what columns it has.

    Of each text column the number of its values is told (at most 51 are counted), of the others 0.
    """
    kept: list[Any] = []
    records = 0
    values: dict[str, set[bytes]] = {}
    for batch in batches(examples, split):
        records += batch.num_rows
        kept = [*kept, batch] if records < memory_records else []
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            known = values.setdefault(name, set())
            if len(known) <= _MOST_SLICES and "binary" in str(column.type):
                known |= {one for one in column.flatten().unique().to_pylist() if one is not None}
    return merged(kept) if kept else None, {name: len(known) for name, known in values.items()}


def _slicers(columns: Sequence[str]) -> list[Any]:
    from tensorflow_data_validation.utils.slicing_util import get_feature_value_slicer

    return [get_feature_value_slicer({column: None}) for column in columns]


def in_memory(examples: Path, split: str, slices: Sequence[str] = ()) -> Any:
    """Return the DatasetFeatureStatisticsList of a split that fits into memory, and of its slices."""
    return of_table(merged(list(batches(examples, split))), slices)


def of_table(table: Any, slices: Sequence[str] = ()) -> Any:
    """Return the statistics of one `pyarrow.RecordBatch` of lists, and of its slices."""
    from trainer.beam.tfdv_in_memory import statistics_of

    result = statistics_of(table)
    if slices:
        result.datasets[0].name = ALL
    parts = [part for slicer in _slicers(slices) for part in slicer(table)]
    for name, part in sorted(parts, key=lambda one: str(one[0])):
        one = statistics_of(part).datasets[0]
        one.name = name
        result.datasets.append(one)
    return _in_order(result)


def on_beam(
    examples: Path, split: str, slices: Sequence[str] = (), where: Mapping[str, Any] = MappingProxyType({})
) -> Any:
    """Return the same, computed by Beam, on the runner that `where` names."""
    import tempfile

    import apache_beam as beam
    import tensorflow_data_validation as tfdv
    from tensorflow_metadata.proto.v0 import statistics_pb2

    from trainer.beam.pipelines import pipeline_with

    options = tfdv.StatsOptions(experimental_slice_functions=_slicers(slices) or None)
    files = [str(path) for path in shards(examples, split)]
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / FILE
        with pipeline_with(where) as pipeline:
            records = pipeline | beam.Create(files) | beam.io.ReadAllFromTFRecord() | beam.Map(slim)
            tables = records | beam.BatchElements(_BATCH, _BATCH) | beam.Map(decoded, without=NO_FEATURES)
            _ = tables | tfdv.GenerateStatistics(options) | tfdv.WriteStatisticsToBinaryFile(str(out))
        result = statistics_pb2.DatasetFeatureStatisticsList()
        result.ParseFromString(out.read_bytes())
    return _in_order(result)


def _in_order(result: Any) -> Any:
    """Return the statistics with the whole split first, slices by name, features by name."""
    datasets = sorted(result.datasets, key=lambda one: (one.name not in ("", ALL), one.name))
    ready = type(result)()
    for dataset in datasets:
        features = sorted(dataset.features, key=lambda feature: list(feature.path.step))
        del dataset.features[:]
        dataset.features.extend(features)
        ready.datasets.append(dataset)
    return ready


def require_statistics(statistics: Path, split: str) -> Any:
    """Return a split's DatasetFeatureStatisticsList. Raises Rejected when the split is empty."""
    found = load_statistics(statistics, split)
    if found is None:
        raise Rejected(f"{statistics}: no statistics of the split {split}; run StatisticsGen again")
    return found


def load_statistics(statistics: Path, split: str) -> Any | None:
    """Return a split's DatasetFeatureStatisticsList; None when the split is empty."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    path = statistics / f"Split-{split}" / FILE
    if not path.is_file():
        return None
    result = statistics_pb2.DatasetFeatureStatisticsList()
    result.ParseFromString(path.read_bytes())
    return result
