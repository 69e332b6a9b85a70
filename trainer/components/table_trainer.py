"""Trainer of tables: the user's network or the default one, on transformed rows; killed and run again, it goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_agent.contracts.encoding import canonical_json, digest_bytes
from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.row import RowContract
from trainer.checkpoint import NO_FORMER
from trainer.components.curve import teller
from trainer.memory import with_memory
from trainer.own_code import BUILD_MODEL, OwnCode
from trainer.pipeline.step import Context, Step
from trainer.tabular.contract import FILE
from trainer.tabular.features import load_rows, read_features
from trainer.tuning.hyperparameters import tuned

if TYPE_CHECKING:
    from trainer.tabular.fit import Plan

HISTORY, RECIPE, WEIGHTS = "training.json", "recipe.json", "weights.npz"


def table_trainer(
    examples: Path,
    transform_graph: Path,
    transformed: Path,
    warm_start: Path | None,
    model: Path,
    recipe: Mapping[str, Any],
    settings: Mapping[str, Any],
    module: str,
    tensorboard: str,
    context: Context,
    hyperparameters: Path | None = None,
    local_workers: int = 0,
    warm_wanted: bool = False,
) -> dict[str, Any]:
    """Train as `train_table` does, here or, with `strategy` multi-worker, by processes of their own.

    These are `local_workers` of this machine, or, where that is 0, those that TF_CONFIG names.
    """
    paths: dict[str, Path | None] = {
        "examples": examples,
        "transform_graph": transform_graph,
        "transformed": transformed,
    }
    paths |= {"warm_start": warm_start, "model": model, "hyperparameters": hyperparameters}
    values: dict[str, Any] = {"recipe": recipe, "settings": settings, "module": module, "tensorboard": tensorboard}
    values["warm_wanted"] = warm_wanted
    if settings.get("strategy") == "multi-worker":
        from trainer.distribute.joining import train_everywhere

        step = Step("Trainer", f"{__name__}:{train_table.__name__}", {}, {"model": "Model"})
        return dict(train_everywhere(step, paths, values, local_workers, context))
    return train_table(**paths, **values, context=context)  # type: ignore[arg-type]


def train_table(
    examples: Path,
    transform_graph: Path,
    transformed: Path,
    warm_start: Path | None,
    model: Path,
    recipe: Mapping[str, Any],
    settings: Mapping[str, Any],
    module: str,
    tensorboard: str,
    context: Context,
    hyperparameters: Path | None = None,
    shared: str = "",
    warm_wanted: bool = False,
) -> dict[str, Any]:
    """Train and write the Model: `saved_model/`, `weights.npz`, the input contract, the recipe and the curve.

    Checkpoints lie in the context's scratch folder, which outlives a crash. `warm_start` is a former Model; one of
    another shape is not used, which is said. Logs for TensorBoard go to the folder `tensorboard`, if one is named.
    Several workers have their checkpoints in the folder `shared`; only the chief writes them, and logs.
    """
    from trainer.distribute.strategy import devices_of
    from trainer.tabular.fit import Fit
    from trainer.tabular.network import build

    asked = tuned({"recipe": recipe, "settings": settings}, hyperparameters)
    recipe, settings = asked["recipe"], asked["settings"]
    devices = devices_of(settings.get("strategy", "none"))
    chosen = Recipe.model_validate(recipe)
    context.progress("reading the rows", None)
    train, held_out = (load_rows(examples, transformed, split, chosen.labels.names) for split in ("train", "eval"))
    contract = RowContract.model_validate_json((transform_graph / FILE).read_bytes())
    own = OwnCode(module).function(BUILD_MODEL, 2)
    plan = _plan(chosen, settings)
    begun = warm_start.name if warm_start else ""
    scratch = Path(shared or context.scratch)
    tell = teller(context, scratch, Path(tensorboard) if tensorboard else None, devices.chief)

    def once(batch: int) -> tuple[Fit, Any, bool]:
        now = replace(plan, batch=batch)
        hparams = {"labels": chosen.labels.names, **asdict(now), **settings.get("hparams", {})}
        with devices.strategy.scope():
            built = build(read_features(transformed), hparams, own, chosen.network.seed)
        key = digest_bytes(canonical_json([examples.name, transformed.name, asdict(now), begun]))
        fit = Fit(built, train, held_out, now, scratch / "checkpoints", key, devices)
        warm = fit.begin(_weights(warm_start, contract))
        for epoch in fit.epochs(warm):
            tell(epoch)
        fit.finish()
        return fit, built, warm

    alone = devices.replicas == 1
    (fit, built, warm), remarks = with_memory(once, plan.batch, alone and settings.get("halve_batch", True), "rows")
    context.progress("exporting", 1.0)
    _write(model, built, transform_graph, contract, recipe)
    history = {"epochs": fit.curve, "best_epoch": fit.best_epoch, "warm_start": warm, "remarks": list(remarks)}
    (model / HISTORY).write_text(json.dumps(history, indent=1), encoding="utf-8")
    reasons = [*remarks, *([f"went on after epoch {fit.resumed_from}"] if fit.resumed_from else [])]
    reasons += _of_the_start(warm_start, warm, warm_wanted)
    properties = {"best_epoch": fit.best_epoch, "resumed_from": fit.resumed_from, "reasons": reasons}
    return {"model": {**properties, "warm_started": warm, "own": int(own is not None)}}


def _of_the_start(warm_start: Path | None, warm: bool, wanted: bool) -> list[str]:
    """Say why a training that was to begin with a former model's weights began from scratch."""
    if warm_start is None:
        return [NO_FORMER] if wanted else []
    return [] if warm else ["trained from scratch: the former model has another shape or other columns"]


def _plan(recipe: Recipe, settings: Mapping[str, Any]) -> Plan:
    from trainer.tabular.fit import Plan

    network = recipe.network
    return Plan(
        network.epochs,
        settings["steps"],
        network.batch,
        network.learning_rate,
        settings["patience"],
        settings["class_weights"],
        network.seed,
        len(recipe.labels.names),
        recipe.views.combine,
    )


def _write(model: Path, built: Any, transform_graph: Path, contract: RowContract, recipe: Mapping[str, Any]) -> None:
    """Write the graph that serves, the weights, the input contract and the recipe."""
    from trainer.tabular.export import export
    from trainer.tabular.graph import TransformGraph

    export(built, TransformGraph(transform_graph, contract), model)
    np.savez(model / WEIGHTS, *[np.asarray(weight.numpy()) for weight in built.weights])
    (model / FILE).write_bytes(canonical_json(contract))
    (model / RECIPE).write_text(json.dumps(dict(recipe), indent=1, sort_keys=True), encoding="utf-8")


def _weights(warm_start: Path | None, contract: RowContract) -> list[Any] | None:
    """Return a former model's weights, unless its columns were others: a text's place would mean another text."""
    if warm_start is None or not (warm_start / WEIGHTS).is_file():
        return None
    former = RowContract.model_validate_json((warm_start / FILE).read_bytes())
    if former != contract:
        return None
    with np.load(warm_start / WEIGHTS, allow_pickle=False) as file:
        return [file[f"arr_{place}"] for place in range(len(file.files))]
