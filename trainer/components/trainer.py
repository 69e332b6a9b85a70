"""Trainer: the recipe's network, trained on the transformed examples; killed and run again, it goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Colour, Recipe
from trainer.checkpoint import NO_FORMER
from trainer.components.curve import teller
from trainer.components.transform import LABEL, apply
from trainer.data.picture_columns import pictures
from trainer.pipeline.epochs import epochs_of
from trainer.pipeline.step import Context, Step
from trainer.tuning.hyperparameters import tuned
from trainer.vision.data import Pictures

if TYPE_CHECKING:
    from trainer.vision.own import OwnPictures

HISTORY, RECIPE = "training.json", "recipe.json"


def trainer(
    examples: Path,
    transform_graph: Path,
    warm_start: Path | None,
    model: Path,
    context: Context,
    settings: Mapping[str, Any],
    pretrained: Path | None = None,
    hyperparameters: Path | None = None,
    local_workers: int = 0,
    **values: Any,
) -> dict[str, Any]:
    """Train as `train_pictures` does, here or, with `strategy` multi-worker, by processes of their own.

    These are `local_workers` of this machine, or, where that is 0, those that TF_CONFIG names.
    """
    paths: dict[str, Path | None] = {"examples": examples, "transform_graph": transform_graph, "model": model}
    paths |= {"warm_start": warm_start, "pretrained": pretrained, "hyperparameters": hyperparameters}
    values["settings"] = settings
    if settings.get("strategy") == "multi-worker":
        from trainer.distribute.joining import train_everywhere

        step = Step("Trainer", f"{__name__}:{train_pictures.__name__}", {}, {"model": "Model"})
        return dict(train_everywhere(step, paths, values, local_workers, context))
    return train_pictures(**paths, **values, context=context)  # type: ignore[arg-type]


def train_pictures(
    examples: Path,
    transform_graph: Path,
    warm_start: Path | None,
    model: Path,
    recipe: Mapping[str, Any],
    context: Context,
    halve_batch: bool,
    tensorboard: str,
    settings: Mapping[str, Any],
    weights: str = "",
    pretrained: Path | None = None,
    backbone_weights: str = "",
    hyperparameters: Path | None = None,
    module: str = "",
    warm_wanted: bool = False,
    shared: str = "",
) -> dict[str, Any]:
    """Train and write the Model: `saved_model/`, `model.weights.h5`, `recipe.json` and the curve in `training.json`.

    Checkpoints lie in the context's scratch folder, which outlives a crash; several workers have theirs in the folder
    `shared`, where only the chief writes. `warm_start` is a former Model; one of another shape is not used, which is
    said, and so is that there is none though it was `warm_wanted`. `pretrained` is what the Pretrainer made, if there
    is one. Where no training picture is defective the anomaly model is trained, whatever the recipe says, and that is
    said. The curve goes to the folder `tensorboard`, too, if one is named. `weights` is what the backbone begins with
    (a place, so no part of the recipe here), `backbone_weights` the digest of that file. `hyperparameters` is what the
    Tuner chose, if there is one. `module` is the user's own file: what it makes is first converted to int8, untrained,
    for what devices cannot calculate had better be said before the training than after it.
    """
    from trainer.distribute.strategy import devices_of
    from trainer.vision.export import WEIGHTS, export
    from trainer.vision.own import OwnPictures
    from trainer.vision.training import beginning_with, train

    asked = tuned({"recipe": recipe, "settings": settings}, hyperparameters)
    devices = devices_of(settings.get("strategy", "none"))
    chosen = Recipe.model_validate(asked["recipe"])
    own = OwnPictures.of(module, asked["settings"].get("hparams", {}))
    scratch = Path(shared or context.scratch)
    context.progress("reading the examples", None)
    training, held_out = (load_pictures(examples, transform_graph, name, chosen) for name in ("train", "eval"))
    chosen, reasons = with_model_for(training, chosen)
    reasons += own.unused(chosen)
    if devices.chief:
        _check_own(own, chosen, scratch, context)
    former, remark = _weights(warm_start, chosen, own, warm_wanted)
    evaluation = held_out if len(held_out) else None
    drawn = None if pretrained is None else pretrained / WEIGHTS
    begun, seed = beginning_with(chosen, weights), chosen.network.seed
    logs = Path(tensorboard) / scratch.name if tensorboard else None
    report, folder = teller(context, scratch, logs, devices.chief), scratch / "checkpoints"
    result = train(training, evaluation, begun, seed, folder, report, drawn, former, halve_batch, own, devices)
    context.progress(f"exporting; {result.watch.seen()}", 1.0)
    export(result.network, chosen, model)
    history = {"epochs": epochs_of(scratch), "best_epoch": result.best_epoch, "warm_start": former is not None}
    history |= {"input": asdict(result.watch.seen()), "remarks": [*reasons, *result.remarks]}
    _describe(model, chosen, history)
    went_on = [f"went on after epoch {result.resumed_from}"] if result.resumed_from else []
    reasons += [*([remark] if remark else []), *result.remarks, str(result.watch.seen()), *went_on]
    properties = {"best_epoch": result.best_epoch, "resumed_from": result.resumed_from, "reasons": reasons}
    return {"model": {**properties, "warm_started": former is not None, "own": int(own.changes(chosen))}}


def _describe(model: Path, recipe: Recipe, history: Mapping[str, Any]) -> None:
    (model / HISTORY).write_text(json.dumps(history, indent=1), encoding="utf-8")
    (model / RECIPE).write_text(json.dumps(recipe.model_dump(mode="json"), indent=1, sort_keys=True), "utf-8")


def _check_own(own: OwnPictures, recipe: Recipe, scratch: Path, context: Context) -> None:
    """Convert what the user's code makes, once. Raises Rejected where devices cannot calculate it in integers."""
    from trainer.vision.convertible import check_convertible

    folder = scratch / "convertible"
    done = folder / "checked"
    if not own.changes(recipe) or done.is_file():
        return
    context.progress("does your own code become int8?", None)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    check_convertible(own, recipe, folder)
    done.touch()


def load_pictures(examples: Path, transform_graph: Path, split: str, recipe: Recipe) -> Pictures:
    """Read a split and number its labels with the transform graph. Raises Rejected for a label it does not know."""
    shape = (recipe.network.height, recipe.network.width, 1 if recipe.camera.colour is Colour.GREY else 3)
    found = pictures(examples, split, shape)
    if not len(found.images):
        return Pictures(found.images, found.columns["masked"].astype("int64"), (), found.masks, found.columns["masked"])
    labels = apply(transform_graph, found.columns)[LABEL]
    if (labels < 0).any():
        raise Rejected(f"split {split} holds a label that the transform graph does not know; validate the examples")
    return Pictures(
        found.images, labels, found.texts("part"), found.masks, found.columns["masked"].astype(bool), found.kept
    )


def with_model_for(training: Pictures, recipe: Recipe) -> tuple[Recipe, list[str]]:
    """Return the recipe with the anomaly model where no training picture is defective, and what is to be said of it."""
    if recipe.network.model == "anomaly" or (training.labels > 0).any():
        return recipe, []
    network = recipe.network.model_copy(update={"model": "anomaly"})
    said = f"none of {len(training)} training pictures is defective: the anomaly model is trained"
    return recipe.model_copy(update={"network": network}), [said]


def _weights(
    warm_start: Path | None, recipe: Recipe, own: OwnPictures | None = None, wanted: bool = False
) -> tuple[Path | None, str]:
    """Return the former model's weights if they fit the recipe's network, else why the training begins from scratch."""
    from trainer.vision.export import WEIGHTS
    from trainer.vision.network import build
    from trainer.vision.weights import load_weights

    if warm_start is None:
        return None, NO_FORMER if wanted else ""
    former = Recipe.model_validate_json((warm_start / RECIPE).read_text(encoding="utf-8"))
    if network_shape(former) != network_shape(recipe):
        return None, "trained from scratch: the former model has another shape"
    try:
        load_weights(build(recipe, own=own), warm_start / WEIGHTS)
    except Rejected:
        other = own is not None and own.changes(recipe)
        who = "other code of your own" if other else "another version of the trainer"
        return None, f"trained from scratch: the former model's network was built by {who}"
    return warm_start / WEIGHTS, ""


def network_shape(recipe: Recipe) -> tuple[Any, ...]:
    """Return what two recipes must share for the weights of one to fit the other's network."""
    network = recipe.network
    size = (network.height, network.width, network.tile, network.backbone, network.embedding, network.model)
    return (*size, recipe.camera.colour, recipe.labels.names)
