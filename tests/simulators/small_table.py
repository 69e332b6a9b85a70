"""A small table and network, and a step that trains it: what the tests of distributed training start in processes."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np

ROWS, BATCH, STEPS = 200, 32, 24
CLIP = 0.3


def small_table() -> Any:
    """Return a table of 200 rows: three numbers, a class, a label that depends on them, and weights."""
    from trainer.distribute.fit import Table

    rng = np.random.default_rng(5)
    numbers = rng.standard_normal((ROWS, 3)).astype(np.float32)
    classes = rng.integers(0, 4, ROWS)
    labels = (numbers[:, 0] - numbers[:, 1] + classes > 1.5).astype(np.float32)
    return Table({"numbers": numbers, "classes": classes}, labels[:, None], np.where(labels > 0, 2.0, 1.0))


def small_model() -> Any:
    """Return a compiled network with all that makes a sum of gradients differ: clipping, decay, weights, penalty."""
    import keras

    numbers, classes = keras.Input((3,), name="numbers"), keras.Input((), dtype="int64", name="classes")
    coded = keras.layers.Embedding(4, 3)(classes)
    hidden = keras.layers.Concatenate()([numbers, coded])
    hidden = keras.layers.Dense(8, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3))(hidden)
    answer = keras.layers.Dense(1, activation="sigmoid")(hidden)
    model = keras.Model({"numbers": numbers, "classes": classes}, answer)
    model.compile(keras.optimizers.AdamW(1e-2, weight_decay=0.01, global_clipnorm=CLIP), "binary_crossentropy")
    return model


def train_small(model: Path, kind: str, logical: int, context: Any, dies: str = "") -> dict[str, Any]:
    """Train and write `weights.npy` and `fit.json`; with `dies`, worker 2 is killed after 12 steps, once."""
    import tensorflow as tf

    if logical > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * logical)
    from trainer.distribute.fit import Plan, fit
    from trainer.distribute.strategy import devices_of

    devices = devices_of(kind)  # type: ignore[arg-type]

    def report(step: int, of: int, loss: float) -> None:
        context.progress(f"step {step} of {of}, loss {loss:.4f}", step / of)
        if dies and not devices.chief and step == STEPS // 2 and not Path(dies).exists():
            Path(dies).touch()
            os.kill(os.getpid(), signal.SIGKILL)

    plan = Plan(STEPS, BATCH, 3, "small", 6)
    fitted = fit(small_model, small_table(), plan, context.scratch, devices, report)
    weights = np.concatenate([np.asarray(weight.numpy()).ravel() for weight in fitted.model.weights])
    np.save(model / "weights.npy", weights)
    found = {"losses": fitted.losses, "resumed_from": fitted.resumed_from, "replicas": devices.replicas}
    (model / "fit.json").write_text(json.dumps(found))
    return {"model": found}
