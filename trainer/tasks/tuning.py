"""The step Tuner, where the settings want trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from trainer.pipeline.step import Step
from trainer.tasks.order import Order
from trainer.vision.known_backbones import check

HYPERPARAMETERS = {"hyperparameters": "Tuner.hyperparameters"}


def with_tuner(order: Order, trainer: Step, own: bool = False) -> list[Step]:
    """Return the Trainer's step, after a Tuner that runs the same training where `tuner.trials` asks for one.

    `own` = the user's module has a `build_model` that takes hyper-parameters of its own.
    """
    settings = order.settings.tuner
    if not settings.trials:
        return [trainer]
    from trainer.tuning.search import check_search

    check_search(settings.search, order.recipe, own)
    backbones = settings.search.get("network.backbone", ())
    for backbone in backbones if isinstance(backbones, tuple) else ():
        check(str(backbone), order.recipe.network.weights)
    asked: dict[str, Any] = settings.model_dump(mode="json", exclude={"parallel"})
    places: Mapping[str, Any] = {**trainer.locations, "tensorboard": ""}
    tuner = Step(
        "Tuner",
        "trainer.components.tuner:tuner",
        trainer.inputs,
        {"hyperparameters": "HyperParameters"},
        {**asked, "function": trainer.function, "values": dict(trainer.parameters)},
        {"parallel": settings.parallel, "places": dict(places)},
        runs=(trainer.module, "trainer.pipeline.worker"),
        uses=trainer.uses,
    )
    return [tuner, replace(trainer, inputs={**trainer.inputs, **HYPERPARAMETERS})]
