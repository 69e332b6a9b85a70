"""The steps that take a model from its conversion to whoever runs it: the same for every task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.pipeline.step import Step
from trainer.tasks.order import DATA, Order
from trainer.tasks.resolvers import EXAMPLES, MODEL, Resolvers

CONVERTS = ("converter.child", "edge_agent.inference.child")
"""What the Converter starts as programs."""
_DEVICE = ("edge_agent.inference.child", "edge_agent.install.selftest")
_HERE = "trainer.components"


def delivery_steps(order: Order, converter: str, parameters: Mapping[str, Any], resolvers: Resolvers) -> list[Step]:
    """Return Converter, InfraValidator and Pusher, and BulkInferrer where there is data for it.

    `converter` is the function of the task's own Converter.
    """
    runtimes = order.settings.infra_validator.runtimes
    model = {"model": MODEL, "examples": EXAMPLES}
    return [
        Step(
            "Converter",
            converter,
            {**model, "blessing": "Evaluator.blessing"},
            {"bundle": "Bundle"},
            parameters,
            {"folders": order.places},
            runs=CONVERTS,
            alone="delivery",
            resolve=resolvers.release,
        ),
        Step(
            "InfraValidator",
            f"{_HERE}.infra_validator:infra_validator",
            {**model, "bundle": "Converter.bundle"},
            {"blessing": "InfraBlessing"},
            {**order.settings.infra_validator.model_dump(), "runtimes": sorted(runtimes)},
            {"pythons": dict(runtimes)},
            runs=_DEVICE,
        ),
        Step(
            "Pusher",
            f"{_HERE}.pusher:pusher",
            {
                **model,
                "bundle": "Converter.bundle",
                "blessing": "Evaluator.blessing",
                "infra_blessing": "InfraValidator.blessing",
                "evaluation": "Evaluator.evaluation",
                "data": DATA,
            },
            {"pushed": "PushedModel"},
            {"fleet_home": order.settings.pusher.fleet_home, "to": list(order.settings.pusher.to)},
            {"root": str(order.root.resolve()), "place": str(order.served.resolve())},
            resolve=resolvers.origin,
            valid=resolvers.still_pushed,
        ),
        *_bulk_inferrer(order, resolvers),
    ]


def _bulk_inferrer(order: Order, resolvers: Resolvers) -> list[Step]:
    settings = order.settings.bulk_inferrer
    if not settings.data:
        return []
    blessed = {"blessing": "Evaluator.blessing", "infra_blessing": "InfraValidator.blessing"}
    return [
        Step(
            "BulkInferrer",
            f"{_HERE}.bulk_inferrer:bulk_inferrer",
            {"bundle": "Converter.bundle", **blessed},
            {"inference_result": "InferenceResult"},
            {**settings.model_dump(exclude={"data"}), "delimiter": order.settings.table.delimiter},
            {"data": str(Path(settings.data).resolve())},
            runs=_DEVICE[:1],
            resolve=resolvers.inferred,
        )
    ]
