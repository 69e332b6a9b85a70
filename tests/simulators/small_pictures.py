"""A step that trains on a few small pictures: what the tests of distributed training start in processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

PARTS, BATCH, EPOCHS = 18, 7, 2


def small_recipe() -> Any:
    """Return a recipe for tiny pictures."""
    from edge_agent.contracts.recipe import Recipe
    from trainer.samples.generate import LABELS

    network = {"height": 32, "width": 32, "backbone": "own", "epochs": EPOCHS, "batch": BATCH, "embedding": 4}
    labels = {"good": LABELS[0], "defects": list(LABELS[1:])}
    return Recipe.model_validate({"name": "small", "labels": labels, "network": network})


def small_pictures(recipe: Any, first: int) -> Any:
    """Return one picture each of some parts, with their masks."""
    from edge_agent.contracts.preprocess import model_input
    from trainer.samples.generate import sample_part
    from trainer.vision.data import join

    rows = []
    for index in range(first, first + PARTS):
        part = sample_part(1, index, frames=1)
        known = part.masks[0] if part.label != "ok" else None
        rows.append((model_input(part.frames[0][:, :, None], recipe), part.label, f"p{index}", known))
    return join(rows, recipe)


def small_network(pictures: Any, hparams: Any) -> Any:
    """Return few features: what takes the time of these trainings is that each replica's graph is made."""
    from keras import layers

    fine = layers.Conv2D(6, 3, strides=8, padding="same", activation="relu")(pictures)
    fine = layers.BatchNormalization()(fine)
    return fine, layers.Conv2D(8, 3, strides=2, padding="same")(fine)


def train_small(model: Path, kinds: list[str], logical: int, context: Any, shared: str = "") -> dict[str, Any]:
    """Train in each of the ways, one after the other; write `weights-KIND.npy` and `fit-KIND.json`."""
    import tensorflow as tf

    if logical > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * logical)
    for kind in kinds:
        _train(model, kind, Path(shared or context.scratch) / kind, context)
    return {"model": {}}


def _train(model: Path, kind: str, folder: Path, context: Any) -> None:
    from trainer.distribute.strategy import devices_of
    from trainer.vision.fit import Fit
    from trainer.vision.lessons import LabelledLessons
    from trainer.vision.own import OwnPictures

    devices = devices_of(kind)  # type: ignore[arg-type]
    recipe = small_recipe()
    lessons = LabelledLessons(small_pictures(recipe, 0), recipe, 1)
    lessons.dropout = 0.0  # every replica would leave out others
    fit = Fit(lessons, small_pictures(recipe, 100), recipe, 1, folder, OwnPictures(None, small_network), devices)
    done = fit.begin(None)
    losses = []
    for number in range(done, EPOCHS):
        epoch = fit.epoch(number)
        losses.append([epoch.loss, epoch.class_loss, epoch.place_loss])
        context.progress(f"{kind}: epoch {epoch.number} of {EPOCHS}", epoch.share)
    network = fit.finished().training
    np.save(model / f"weights-{kind}.npy", np.concatenate([np.asarray(w.numpy()).ravel() for w in network.weights]))
    found = {"losses": losses, "best": fit.best_score, "replicas": devices.replicas}
    (model / f"fit-{kind}.json").write_text(json.dumps(found))
