"""The types that ML Metadata knows of a pipeline, as TFX 1.16 registers them, so that its tools read ours.

Artifact types: tfx/types/standard_artifacts.py (names, typed properties, base types). Execution types: the path of
a component's class (tfx/components/*/component.py) with the base type of its spec (standard_component_specs.py there).
Context types: tfx/dsl/compiler/constants.py. All at https://github.com/tensorflow/tfx, tag v1.16.0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TFX_VERSION = "1.16.0"
"""Whose layout of artifacts ours is (`Split-NAME`, `schema.pbtxt`, …); TFX's readers ask for it."""

PIPELINE, PIPELINE_RUN, NODE = "pipeline", "pipeline_run", "node"

ARTIFACT_PROPERTIES: Mapping[str, Mapping[str, str]] = {
    "Examples": {"span": "INT", "version": "INT", "split_names": "STRING"},
    "ExampleStatistics": {"span": "INT", "split_names": "STRING"},
    "ExampleAnomalies": {"span": "INT", "split_names": "STRING"},
    "ExampleValidationMetrics": {"span": "INT", "split_names": "STRING"},
}
ARTIFACT_BASES: Mapping[str, str] = {
    "Examples": "DATASET",
    "ExampleStatistics": "STATISTICS",
    "Model": "MODEL",
    "PushedModel": "MODEL",
}
_COMPONENTS = "tfx.components"
EXECUTION_TYPES: Mapping[str, tuple[str, str]] = {
    "ExampleGen": (f"{_COMPONENTS}.example_gen.component.FileBasedExampleGen", ""),
    "CsvExampleGen": (f"{_COMPONENTS}.example_gen.csv_example_gen.component.CsvExampleGen", ""),
    "ImportExampleGen": (f"{_COMPONENTS}.example_gen.import_example_gen.component.ImportExampleGen", ""),
    "StatisticsGen": (f"{_COMPONENTS}.statistics_gen.component.StatisticsGen", "PROCESS"),
    "SchemaGen": (f"{_COMPONENTS}.schema_gen.component.SchemaGen", "PROCESS"),
    "ImportSchemaGen": (f"{_COMPONENTS}.schema_gen.import_schema_gen.component.ImportSchemaGen", ""),
    "ExampleValidator": (f"{_COMPONENTS}.example_validator.component.ExampleValidator", ""),
    "DistributionValidator": (f"{_COMPONENTS}.distribution_validator.component.DistributionValidator", "PROCESS"),
    "Transform": (f"{_COMPONENTS}.transform.component.Transform", "TRANSFORM"),
    "Tuner": (f"{_COMPONENTS}.tuner.component.Tuner", ""),
    "Trainer": (f"{_COMPONENTS}.trainer.component.Trainer", "TRAIN"),
    "Evaluator": (f"{_COMPONENTS}.evaluator.component.Evaluator", "EVALUATE"),
    "InfraValidator": (f"{_COMPONENTS}.infra_validator.component.InfraValidator", ""),
    "Pusher": (f"{_COMPONENTS}.pusher.component.Pusher", "DEPLOY"),
    "BulkInferrer": (f"{_COMPONENTS}.bulk_inferrer.component.BulkInferrer", ""),
}


def execution_type(step: str) -> tuple[str, str]:
    """Return name and base type ("" = none) of a step's executions: TFX's, or one of our own."""
    return EXECUTION_TYPES.get(step, (f"lineside.{step}", ""))


def artifact_properties(kind: str, folder: Path, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the typed properties of an artifact of `kind` that lies in `folder`, of which its step `said` more."""
    wanted = ARTIFACT_PROPERTIES.get(kind, {})
    found: dict[str, Any] = {name: int(said.get(name, 0)) for name in ("span", "version") if name in wanted}
    if "split_names" in wanted:
        splits = sorted(path.name.removeprefix("Split-") for path in folder.glob("Split-*"))
        found["split_names"] = json.dumps(splits)
    return found


def custom_properties(kind: str, said: Mapping[str, Any], uses: Mapping[str, tuple[str, int]]) -> dict[str, Any]:
    """Return what TFX's own components note of an artifact besides; `uses` gives URI and id of the step's inputs.

    As tfx/components/evaluator/constants.py, infra_validator/executor.py and pusher/executor.py have it.
    """
    found: dict[str, Any] = {"tfx_version": TFX_VERSION}
    if kind in ("ModelBlessing", "InfraBlessing"):
        found["blessed"] = int(bool(said.get("blessed", True)))
    if kind == "ModelBlessing":
        for name, key in (("model", "current_model"), ("baseline", "baseline_model")):
            if name in uses:
                found[key], found[f"{key}_id"] = uses[name]
    if kind == "InfraBlessing":
        found["has_model"] = 0
    if kind == "PushedModel":
        found["pushed"] = 1
        found["pushed_version"] = str(said.get("version", ""))
        found["pushed_destination"] = str(said.get("model", ""))
    return found
