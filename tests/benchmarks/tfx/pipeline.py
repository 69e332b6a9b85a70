"""The benchmark's pipeline in TFX 1.16 by its LocalDagRunner; run by a Python 3.10 that has TFX, as a whole process.

`python pipeline.py DATA ROOT STEPS SEED`: DATA holds `train/`, `eval/` and `test/` with a CSV file each, ROOT is the
pipeline's root with its metadata; the last line of the output is JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()

import tensorflow_model_analysis as tfma  # noqa: E402
from tfx import v1 as tfx  # noqa: E402
from tfx.proto import example_gen_pb2  # noqa: E402

MODULE = Path(__file__).with_name("module.py")


def components(data: Path, root: Path, steps: int, seed: int) -> list[Any]:
    """Return the eight components, each fed by those before it."""
    splits = [example_gen_pb2.Input.Split(name=name, pattern=f"{name}/*.csv") for name in ("train", "eval", "test")]
    examples = tfx.components.CsvExampleGen(str(data), example_gen_pb2.Input(splits=splits))
    statistics = tfx.components.StatisticsGen(examples=examples.outputs["examples"])
    schema = tfx.components.SchemaGen(statistics=statistics.outputs["statistics"])
    validator = tfx.components.ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    transform = tfx.components.Transform(
        examples=examples.outputs["examples"], schema=schema.outputs["schema"], module_file=str(MODULE)
    )
    trainer = tfx.components.Trainer(
        module_file=str(MODULE),
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema.outputs["schema"],
        train_args=tfx.proto.TrainArgs(num_steps=steps),
        eval_args=tfx.proto.EvalArgs(num_steps=1),
        custom_config={"seed": seed},
    )
    evaluator = tfx.components.Evaluator(
        examples=examples.outputs["examples"],
        model=trainer.outputs["model"],
        example_splits=["test"],
        eval_config=evaluation(),
    )
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(root / "pushed"))
        ),
    )
    return [examples, statistics, schema, validator, transform, trainer, evaluator, pusher]


def evaluation() -> Any:
    """Return what TFMA measures: AUC with a lowest value, accuracy, and the same for every shift."""
    lowest = tfma.MetricThreshold(value_threshold=tfma.GenericValueThreshold(lower_bound={"value": 0.6}))
    metrics = [
        tfma.MetricConfig(class_name="AUC", threshold=lowest),
        tfma.MetricConfig(class_name="BinaryAccuracy"),
        tfma.MetricConfig(class_name="ExampleCount"),
    ]
    model = tfma.ModelSpec(
        signature_name="serving_default", label_key="label", preprocessing_function_names=["transform_features"]
    )
    return tfma.EvalConfig(
        model_specs=[model],
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=["shift"])],
        metrics_specs=[tfma.MetricsSpec(metrics=metrics)],
    )


def main() -> None:
    """Run the pipeline and say how long it took beyond the imports."""
    data, root = Path(sys.argv[1]), Path(sys.argv[2])
    imported = time.perf_counter()
    pipeline = tfx.dsl.Pipeline(
        pipeline_name="sensors",
        pipeline_root=str(root / "artifacts"),
        components=components(data, root, int(sys.argv[3]), int(sys.argv[4])),
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(str(root / "mlmd.db")),
    )
    tfx.orchestration.LocalDagRunner().run(pipeline)
    ended = time.perf_counter()
    sys.stdout.write(json.dumps({"imports": imported - STARTED, "inside": ended - imported}) + "\n")


if __name__ == "__main__":
    main()
