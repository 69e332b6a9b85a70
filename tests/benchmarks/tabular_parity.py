"""What TFX and this project made of the same rows, side by side: statistics, transformed values, AUC.

`python -m tests.benchmarks.tabular_parity DATA ROUND...` prints JSON; each ROUND holds the roots `ours` and `tfx`.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.sensor_tables import SPLITS
from trainer.samples.sensors import SENSORS

_SENSOR_KEYS = (*SENSORS, "material", "machine")


def _tfx(root: Path, *words: str) -> Path:
    """Return the latest artifact of a component in TFX's root."""
    return max(root.joinpath("artifacts", *words).iterdir(), key=lambda path: int(path.name))


def _ours(root: Path, output: str) -> Path:
    """Return an artifact of the last run here by its output, such as Transform.transform_graph."""
    run = max((root / "runs").glob("*/run.json")).parent
    step, _, name = output.partition(".")
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    made = next(each for each in record["steps"] if each["name"] == step)
    digest = made["outputs"][name]
    return root / "cas" / digest[:2] / digest


def _statistics(ours: Path, theirs: Path) -> dict[str, Any]:
    """Count rows, columns and those whose statistics differ; proto messages are compared whole."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    rows, differ, columns = {}, [], 0
    for split in SPLITS:
        found = []
        for folder in (ours, theirs):
            made = statistics_pb2.DatasetFeatureStatisticsList()
            made.ParseFromString((folder / f"Split-{split}" / "FeatureStats.pb").read_bytes())
            found.append(made.datasets[0])
        rows[split] = [each.num_examples for each in found]
        mine, other = ({(f.path.step or [f.name])[0]: f for f in each.features} for each in found)
        for name in (*_SENSOR_KEYS, "label"):
            columns += 1
            if not _same(mine[name], other[name]):
                differ.append(f"{split}.{name}")
    return {"rows": rows, "features": columns // len(SPLITS), "differ": len(differ), "which": differ}


def _same(mine: Any, other: Any) -> bool:
    """Say whether two features' statistics are the same, sums within rounding: TFX adds them up in pieces."""
    return _flat(mine) == _flat(other)


def _flat(feature: Any) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict

    def walk(value: Any, path: str) -> Any:
        if isinstance(value, dict):
            for key in sorted(value):
                yield from walk(value[key], f"{path}.{key}")
        elif isinstance(value, list):
            for place, each in enumerate(value):
                yield from walk(each, f"{path}[{place}]")
        else:
            yield path, float(f"{value:.9g}") if isinstance(value, float) else value

    return dict(walk(MessageToDict(feature), ""))


def _transformed(ours: Path, theirs: Path, rows: Path) -> tuple[float, int]:
    """Return the largest difference of a transformed value of the rows, relative beyond 1, and how many there are."""
    import tensorflow as tf
    import tensorflow_transform as tft

    from edge_agent.contracts.row import RowContract
    from trainer.tabular.contract import FILE
    from trainer.tabular.graph import TransformGraph

    with rows.open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    numbers = {name: np.asarray([row[name] for row in table], np.float32) for name in SENSORS}
    texts = {name: [row[name] for row in table] for name in ("material", "machine")}
    contract = RowContract.model_validate_json((ours / FILE).read_bytes())
    mine = TransformGraph(ours, contract).apply(numbers, texts)
    raw = {name: tf.constant(values)[:, None] for name, values in {**numbers, **texts}.items()}
    other = tft.TFTransformOutput(str(theirs)).transform_features_layer()(raw)
    pairs = [(values, np.asarray(other[name]).ravel()) for name, values in mine.items()]
    largest = max(float((np.abs(a - b) / np.maximum(np.abs(b), 1)).max()) for a, b in pairs)
    return largest, sum(values.size for values in mine.values())


def _auc(root: Path) -> tuple[float, float]:
    """Return the AUC on the test rows, ours and TFX's, both as TFMA computes it."""
    import tensorflow_model_analysis as tfma

    metrics = json.loads((_ours(root / "ours", "Evaluator.evaluation") / "metrics.json").read_text(encoding="utf-8"))
    theirs = tfma.load_eval_result(str(_tfx(root / "tfx", "Evaluator", "evaluation")))
    value = next(found for key, found in theirs.slicing_metrics if not key)[""][""]["auc"]["doubleValue"]
    return float(metrics["slices"]["overall"]["auc"]), float(value)


def _main() -> None:
    data, rounds = Path(sys.argv[1]), [Path(word) for word in sys.argv[2:]]
    root = rounds[0]
    found = _statistics(
        _ours(root / "ours", "StatisticsGen.statistics"), _tfx(root / "tfx", "StatisticsGen", "statistics")
    )
    graphs = _ours(root / "ours", "Transform.transform_graph"), _tfx(root / "tfx", "Transform", "transform_graph")
    found["transform"], found["values"] = _transformed(*graphs, data / "tfx" / "test" / "data.csv")
    pairs = [_auc(each) for each in rounds]
    found["auc"] = [[pair[0] for pair in pairs], [pair[1] for pair in pairs]]
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    _main()
