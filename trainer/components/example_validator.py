"""ExampleValidator: data that does not fit the schema stops the run, with the reasons."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.contracts.quality import QUALITY_FEATURES
from trainer.components.examples import columns
from trainer.components.manifest import SPLITS
from trainer.components.schema_gen import TRAINING, load_schema
from trainer.components.statistics_gen import load_statistics
from trainer.pipeline.step import Context

_SHOWN = 3
Columns = Mapping[str, Any]


def example_validator(
    examples: Path, statistics: Path, schema: Path, anomalies: Path, good: str, context: Context
) -> dict[str, Any]:
    """Check every split; write TFDV's anomalies and `anomalies.json` with `blocking` and `warnings`.

    The output is not blessed when anything blocks.
    """
    import tensorflow_data_validation as tfdv

    expected = load_schema(schema)
    known = {value for domain in expected.string_domain if domain.name == "label" for value in domain.value}
    tables = {name: columns(examples, name) for name in SPLITS}
    blocking = [*_unknown_labels(tables, known), *_torn_parts(tables)]
    for name in SPLITS:
        found = load_statistics(statistics, name)
        if found is None:
            continue
        context.progress(name, None)
        result = tfdv.validate_statistics(found, expected, environment=TRAINING)
        folder = anomalies / f"Split-{name}"
        folder.mkdir()
        (folder / "SchemaDiff.pb").write_bytes(result.SerializeToString(deterministic=True))
        blocking += _from_tfdv(result, name, skip=bool(known))
    warnings = [*_constants(tables["train"]), *_thin(tables, good)]
    report = {"blocking": blocking, "warnings": warnings}
    (anomalies / "anomalies.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    return {"anomalies": {"blessed": int(not blocking), "reasons": blocking or warnings}}


def _from_tfdv(anomalies: Any, split: str, skip: bool) -> Iterator[str]:
    for name in sorted(anomalies.anomaly_info):
        if not (skip and name == "label"):
            yield f"{split}: {name}: {anomalies.anomaly_info[name].description.strip()}"
    if anomalies.HasField("dataset_anomaly_info"):
        yield f"{split}: {anomalies.dataset_anomaly_info.description.strip()}"


def _unknown_labels(tables: Mapping[str, Columns], known: set[str]) -> Iterator[str]:
    if not known:
        return
    for split, table in tables.items():
        labels = [label.decode() for label in table["label"]]
        for label in sorted(set(labels) - known):
            places = [i for i, its in enumerate(labels) if its == label]
            shown = ", ".join(table["name"][i].decode() for i in places[:_SHOWN])
            what, where = ("pictures", "labels.csv") if "sha256" in table else ("rows", "the table")
            yield (
                f"{split}: label '{label}' in {len(places)} {what} ({shown}) is not in the schema "
                f"({', '.join(sorted(known))}); add it to the recipe's labels.defects or correct {where}"
            )


def _torn_parts(tables: Mapping[str, Columns]) -> Iterator[str]:
    where: dict[bytes, set[str]] = {}
    for split, table in tables.items():
        for part in table["part"]:
            where.setdefault(part, set()).add(split)
    torn = sorted(part.decode() for part, splits in where.items() if len(splits) > 1)
    if torn:
        yield f"{len(torn)} parts have pictures in more than one split: {', '.join(torn[:_SHOWN])}"


def _constants(train: Columns) -> Iterator[str]:
    """Warn of a measure that never changes; the shares of dark and bright pixels usually are 0 throughout."""
    for name, column in train.items():
        values = np.asarray(column)
        if values.dtype.kind != "f" or (name in QUALITY_FEATURES and name.endswith("_share")):
            continue
        known = values[~np.isnan(values)]
        if len(values) and not len(known):
            yield f"train: {name} is empty throughout"
        elif len(known) > 1 and float(np.ptp(known)) == 0.0:
            yield f"train: {name} is {float(known[0]):.3g} throughout"


def _thin(tables: Mapping[str, Columns], good: str) -> Iterator[str]:
    for split, table in tables.items():
        defective = _parts(table, lambda label: label != good.encode())
        whole = _parts(table, lambda label: label == good.encode())
        if not defective or not whole:
            yield f"{split}: {defective} defective and {whole} good parts: insufficient evidence"


def _parts(table: Columns, chosen: Any) -> int:
    pairs: Sequence[tuple[bytes, bytes]] = list(zip(table["part"], table["label"], strict=True))
    return len({part for part, label in pairs if chosen(label)})
