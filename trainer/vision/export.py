"""The trained network as files: a SavedModel for the converter, and the weights for a later warm start."""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import tensorflow as tf

from edge_agent.contracts.recipe import Recipe
from trainer.vision.network import Network, build, channels

WEIGHTS = "model.weights.h5"
SAVED_MODEL = "saved_model"


def export(network: Network, recipe: Recipe, folder: Path) -> Path:
    """Write `folder`/saved_model and `folder`/model.weights.h5; return the path of the SavedModel.

    The SavedModel's signature `serving_default` has batch 1: input `image` float32 [1, H, W, C] 0..255, outputs
    `logits` [1, classes], `heatmap` [1, rows, columns] and `embedding` [1, length]. What was there is replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network.training.save_weights(folder / WEIGHTS)
    single = build(recipe, batch=1, own=network.own)
    single.training.set_weights(network.training.get_weights())
    target, unfinished = folder / SAVED_MODEL, folder / f"{SAVED_MODEL}.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    shape = (1, recipe.network.height, recipe.network.width, channels(recipe))
    archive = keras.export.ExportArchive()
    archive.track(single.serving)
    archive.add_endpoint(
        name="serving_default",
        fn=lambda image: single.serving(image, training=False),
        input_signature=[tf.TensorSpec(shape, tf.float32, name="image")],
    )
    archive.write_out(str(unfinished), verbose=False)
    shutil.rmtree(target, ignore_errors=True)
    unfinished.replace(target)
    return target
