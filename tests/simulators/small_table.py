"""A step that trains a small table: what the tests of distributed training start in processes."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np

ROWS, BATCH, EPOCHS = 200, 33, 4


def small_rows(seed: int) -> Any:
    """Return 200 rows: three numbers, a class, a label that depends on them."""
    from trainer.tabular.features import Rows

    rng = np.random.default_rng(seed)
    numbers = rng.standard_normal((ROWS, 3)).astype(np.float32)
    classes = rng.integers(0, 4, ROWS)
    labels = (numbers[:, 0] - numbers[:, 1] + classes > 2.5).astype(np.int64)
    return Rows({"numbers": 30 * numbers, "classes": classes}, labels, tuple(map(str, range(ROWS))))


def train_small(model: Path, kind: str, logical: int, context: Any, dies: str = "", shared: str = "") -> dict[str, Any]:
    """Train and write `weights.npy` and `fit.json`; with `dies`, worker 2 is killed half way, once."""
    import tensorflow as tf

    if logical > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * logical)
    from trainer.distribute.strategy import devices_of
    from trainer.tabular.features import Feature
    from trainer.tabular.fit import Fit, Plan
    from trainer.tabular.network import build

    devices = devices_of(kind)  # type: ignore[arg-type]
    features = {"numbers": Feature((3,), "float32", None), "classes": Feature((), "int64", 4)}
    with devices.strategy.scope():
        network = build(features, {"classes": 2}, None, 3)
    plan = Plan(EPOCHS, 0, BATCH, 1e-2, 0, True, 3, 2, "max")
    fit = Fit(
        network, small_rows(5), small_rows(6), plan, Path(shared or context.scratch) / "checkpoints", "small", devices
    )
    losses = []
    for epoch in fit.epochs(fit.begin(None)):
        losses.append([epoch.loss, epoch.eval_loss])
        context.progress(f"epoch {epoch.number} of {EPOCHS}", epoch.number / EPOCHS)
        if dies and not devices.chief and epoch.number == EPOCHS // 2 and not Path(dies).exists():
            Path(dies).touch()
            os.kill(os.getpid(), signal.SIGKILL)
    fit.finish()
    np.save(model / "weights.npy", np.concatenate([np.asarray(w.numpy()).ravel() for w in network.weights]))
    found = {"losses": losses, "resumed_from": fit.resumed_from, "replicas": devices.replicas}
    (model / "fit.json").write_text(json.dumps(found))
    return {"model": found}
