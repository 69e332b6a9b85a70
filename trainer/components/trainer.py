"""Trainer: the recipe's network, trained on the transformed examples; killed and run again, it goes on."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Colour, Recipe
from trainer.components.transform import LABEL, apply
from trainer.data.picture_columns import pictures
from trainer.pipeline.epochs import epochs_of, note_epoch
from trainer.pipeline.step import Context
from trainer.tuning.hyperparameters import tuned
from trainer.vision.data import Pictures

HISTORY, RECIPE = "training.json", "recipe.json"


def trainer(
    examples: Path,
    transform_graph: Path,
    warm_start: Path | None,
    model: Path,
    recipe: Mapping[str, Any],
    context: Context,
    halve_batch: bool,
    tensorboard: str,
    weights: str = "",
    pretrained: Path | None = None,
    backbone_weights: str = "",
    hyperparameters: Path | None = None,
) -> dict[str, Any]:
    """Train and write the Model: `saved_model/`, `model.weights.h5`, `recipe.json` and the curve in `training.json`.

    Checkpoints lie in the context's scratch folder, which outlives a crash. `warm_start` is a former Model; one of
    another shape is not used, which is said. `pretrained` is what the Pretrainer made, if there is one. Where no
    training picture is defective the anomaly model is trained, whatever the recipe says, and that is said. The curve
    goes to the folder `tensorboard`, too, if one is named. `weights` is what the backbone begins with (a place, so no
    part of the recipe here), `backbone_weights` the digest of that file. `hyperparameters` is what the Tuner chose, if
    there is one.
    """
    from trainer.eventlog import EventLog
    from trainer.vision.export import WEIGHTS, export
    from trainer.vision.fit import Epoch
    from trainer.vision.training import beginning_with, train

    settings = Recipe.model_validate(tuned({"recipe": recipe}, hyperparameters)["recipe"])
    context.progress("reading the examples", None)
    training = load_pictures(examples, transform_graph, "train", settings)
    held_out = load_pictures(examples, transform_graph, "eval", settings)
    settings, reasons = with_model_for(training, settings)
    former, remark = _weights(warm_start, settings)
    log = EventLog(Path(tensorboard) / context.scratch.name) if tensorboard else None

    def report(epoch: Epoch) -> None:
        note_epoch(context.scratch, asdict(epoch))
        if log is not None:
            log.add(epoch.number, asdict(epoch))
        judged = "" if math.isnan(epoch.auroc) else f", AUROC per part {epoch.auroc:.3f}"
        context.progress(f"epoch {epoch.number} of {epoch.of}, loss {epoch.loss:.3f}{judged}", epoch.share)

    checkpoints = context.scratch / "checkpoints"
    evaluation = held_out if len(held_out) else None
    drawn = None if pretrained is None else pretrained / WEIGHTS
    begun = beginning_with(settings, weights)
    seed = settings.network.seed
    result = train(training, evaluation, begun, seed, checkpoints, report, drawn, former, halve_batch)
    context.progress(f"exporting; {result.watch.seen()}", 1.0)
    export(result.network, settings, model)
    history = {"epochs": epochs_of(context.scratch), "best_epoch": result.best_epoch, "warm_start": former is not None}
    history |= {"input": asdict(result.watch.seen()), "remarks": [*reasons, *result.remarks]}
    (model / HISTORY).write_text(json.dumps(history, indent=1), encoding="utf-8")
    (model / RECIPE).write_text(json.dumps(settings.model_dump(mode="json"), indent=1, sort_keys=True), "utf-8")
    reasons += [*([remark] if remark else []), *result.remarks, str(result.watch.seen())]
    if result.resumed_from:
        reasons.append(f"went on after epoch {result.resumed_from}")
    properties = {"best_epoch": result.best_epoch, "resumed_from": result.resumed_from, "reasons": reasons}
    return {"model": {**properties, "warm_started": former is not None}}


def load_pictures(examples: Path, transform_graph: Path, split: str, recipe: Recipe) -> Pictures:
    """Read a split and number its labels with the transform graph. Raises Rejected for a label it does not know."""
    shape = (recipe.network.height, recipe.network.width, 1 if recipe.camera.colour is Colour.GREY else 3)
    found = pictures(examples, split, shape)
    if not len(found.images):
        return Pictures(found.images, found.columns["masked"].astype("int64"), (), found.masks, found.columns["masked"])
    labels = apply(transform_graph, found.columns)[LABEL]
    if (labels < 0).any():
        raise Rejected(f"split {split} holds a label that the transform graph does not know; validate the examples")
    return Pictures(found.images, labels, found.texts("part"), found.masks, found.columns["masked"].astype(bool))


def with_model_for(training: Pictures, recipe: Recipe) -> tuple[Recipe, list[str]]:
    """Return the recipe with the anomaly model where no training picture is defective, and what is to be said of it."""
    if recipe.network.model == "anomaly" or (training.labels > 0).any():
        return recipe, []
    network = recipe.network.model_copy(update={"model": "anomaly"})
    said = f"none of {len(training)} training pictures is defective: the anomaly model is trained"
    return recipe.model_copy(update={"network": network}), [said]


def _weights(warm_start: Path | None, recipe: Recipe) -> tuple[Path | None, str]:
    """Return the former model's weights if they fit the recipe's network, else why the training begins from scratch."""
    from trainer.vision.export import WEIGHTS
    from trainer.vision.network import build
    from trainer.vision.weights import load_weights

    if warm_start is None:
        return None, ""
    former = Recipe.model_validate_json((warm_start / RECIPE).read_text(encoding="utf-8"))
    if network_shape(former) != network_shape(recipe):
        return None, "trained from scratch: the former model has another shape"
    try:
        load_weights(build(recipe), warm_start / WEIGHTS)
    except Rejected:
        return None, "trained from scratch: the former model's network was built by another version of the trainer"
    return warm_start / WEIGHTS, ""


def network_shape(recipe: Recipe) -> tuple[Any, ...]:
    """Return what two recipes must share for the weights of one to fit the other's network."""
    network = recipe.network
    size = (network.height, network.width, network.backbone, network.embedding, network.model)
    return (*size, recipe.camera.colour, recipe.labels.names)
