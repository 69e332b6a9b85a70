"""Training on tables: one compiled loop an epoch, a checkpoint after each, the best epoch on held-out rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from converter.confidence import join_parts
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.scores import defect_probability, probabilities
from trainer import checkpoint
from trainer.distribute.step import Losses, spread
from trainer.distribute.strategy import Devices
from trainer.evaluation.plain import finite
from trainer.evaluation.rates import auroc
from trainer.tabular.features import Rows
from trainer.tabular.network import LOGITS, answers_of

_LISTS = ("weights", "optimiser", "best")
_RAREST = 10.0


@dataclass(frozen=True)
class Plan:
    """How to train: `steps` in all (0 = `epochs` times all rows), `patience` in epochs (0 = to the end)."""

    epochs: int
    steps: int
    batch: int
    learning_rate: float
    patience: int
    class_weights: bool
    seed: int
    classes: int
    combine: str

    def lengths(self, rows: int) -> list[int]:
        """Return how many steps each epoch has; the last one may be cut short."""
        whole = max(rows // min(self.batch, rows), 1)
        total = self.steps or self.epochs * whole
        return [min(whole, total - done) for done in range(0, total, whole)]


@dataclass(frozen=True)
class Epoch:
    """One finished epoch; `auroc` per part and `eval_loss` are NaN without held-out rows."""

    number: int
    of: int
    loss: float
    eval_loss: float
    auroc: float


class Fit:
    """The training of one network. `key` names all that it depends on: no other one's checkpoint is continued."""

    def __init__(
        self, model: keras.Model, train: Rows, held_out: Rows, plan: Plan, folder: Path, key: str, devices: Devices
    ) -> None:
        _check(train)
        self._model, self._train, self._held_out, self._plan = model, train, held_out, plan
        self._folder, self._key = folder, key
        self._lengths = plan.lengths(len(train))
        self._weights = class_weights(train.labels, plan.classes) if plan.class_weights else None
        self._devices = devices
        with devices.strategy.scope():
            self._optimiser = keras.optimizers.Adam(plan.learning_rate, global_clipnorm=5.0)
            self._optimiser.build(model.trainable_variables)
        losses = _row_losses(model, train, self._weights)
        spreads = devices.replicas > 1
        self._run = (spread if spreads else _alone)(model, self._optimiser, losses, devices)
        self._best: checkpoint.Arrays = []
        self.best_epoch, self.best_loss, self.resumed_from = 0, math.inf, 0
        self.curve: list[dict[str, Any]] = []

    def begin(self, weights: checkpoint.Arrays | None) -> bool:
        """Go on from this training's checkpoint; else begin with `weights`, if they fit; say whether they were used."""
        found = checkpoint.load(self._folder, _LISTS)
        if found is not None and found[0]["key"] == self._key:
            facts, lists = found
            self._set(self._model.variables, lists["weights"])
            self._set(self._optimiser.variables, lists["optimiser"])
            self._best, self.best_epoch = lists["best"], facts["best_epoch"]
            self.best_loss, self.resumed_from = facts["best_loss"], facts["epoch"]
            self.curve = facts["curve"]
            return bool(facts["warm"])
        shapes = [tuple(weight.shape) for weight in self._model.weights]
        self._warm = weights is not None and [w.shape for w in weights] == shapes
        if weights is not None and self._warm:
            self._model.set_weights(weights)
        return self._warm

    @staticmethod
    def _set(variables: Any, values: checkpoint.Arrays) -> None:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def epochs(self, warm: bool) -> Iterator[Epoch]:
        """Train what is left, epoch by epoch. Raises Rejected, with the step, when the loss is no number."""
        for number in range(self.resumed_from, len(self._lengths)):
            if self._plan.patience and number - self.best_epoch >= self._plan.patience and self.best_epoch:
                return
            losses = self._run(self._order(number))
            if not np.isfinite(losses).all():
                step = sum(self._lengths[:number]) + int(np.argmin(np.isfinite(losses))) + 1
                raise Rejected(
                    f"training failed in epoch {number + 1}, step {step}: the loss is {losses[~np.isfinite(losses)][0]}"
                    f"; lower network.learning_rate (now {self._plan.learning_rate:g}) or look at preprocessing_fn"
                )
            eval_loss, value = self._measure()
            eval_loss = self._devices.agreed(eval_loss)
            judged = eval_loss if math.isfinite(eval_loss) else -float(number)
            if judged < self.best_loss:
                self.best_loss, self.best_epoch = judged, number + 1
                self._best = [np.array(weight.numpy()) for weight in self._model.weights]
            epoch = Epoch(number + 1, len(self._lengths), float(losses.mean()), eval_loss, value)
            self.curve.append(finite(asdict(epoch)))
            if self._devices.chief:
                self._save(number + 1, warm)
            yield epoch

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Return the rows of each step (steps, batch), drawn anew each epoch and the same for the same seed."""
        batch = min(self._plan.batch, len(self._train))
        order = np.random.default_rng([self._plan.seed, epoch]).permutation(len(self._train))
        return order[: self._lengths[epoch] * batch].reshape(-1, batch).astype(np.int64)

    def _measure(self) -> tuple[float, float]:
        if not len(self._held_out):
            return math.nan, math.nan
        logits = logits_of(self._model, self._held_out)
        weights = np.ones(len(logits)) if self._weights is None else self._weights[self._held_out.labels]
        right = probabilities(logits, 1.0)[np.arange(len(logits)), self._held_out.labels]
        scores = defect_probability(probabilities(logits, 1.0))
        joined = join_parts(scores, self._held_out.parts, self._held_out.labels, self._plan.combine)
        loss = float((-np.log(np.maximum(right, 1e-12)) * weights).mean())
        return loss, auroc(joined.scores, joined.defective)

    def _save(self, epoch: int, warm: bool) -> None:
        best = {"best_epoch": self.best_epoch, "best_loss": self.best_loss}
        facts = {"key": self._key, "epoch": epoch, "warm": warm, "curve": self.curve, **best}
        arrays = {
            "weights": [np.asarray(v.numpy()) for v in self._model.variables],
            "optimiser": [np.asarray(v.numpy()) for v in self._optimiser.variables],
            "best": self._best,
        }
        checkpoint.save(self._folder, facts, arrays)

    def finish(self) -> None:
        """Give the network the weights of its best epoch."""
        self._model.set_weights(self._best)


def _check(train: Rows) -> None:
    defective = int((train.labels > 0).sum())
    if not 0 < defective < len(train):
        raise Rejected(
            f"{len(train)} training rows, {defective} of them defective: both good and defective ones are needed; "
            "add rows of the missing kind"
        )


def class_weights(labels: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float32]:
    """Return what a row of each class counts: rare ones more, at most tenfold; the mean row counts 1."""
    counts = np.bincount(labels, minlength=classes)
    weights = np.minimum(np.sqrt(counts.max() / np.maximum(counts, 1)), _RAREST)
    return np.asarray(weights / weights[labels].mean(), np.float32)


def logits_of(model: keras.Model, rows: Rows, batch: int = 4096) -> npt.NDArray[np.float32]:
    """Return the network's answers to all rows, (n, classes)."""
    found = [
        np.asarray(
            answers_of(model, {name: values[first : first + batch] for name, values in rows.inputs.items()}, False)[
                LOGITS
            ]
        )
        for first in range(0, len(rows), batch)
    ]
    return np.concatenate(found)


def _row_losses(model: keras.Model, train: Rows, weights: npt.NDArray[np.float32] | None) -> Callable[[Any], Any]:
    """Return what gives the loss of each of the rows whose places it is given, weighted by its class."""
    inputs = {name: tf.constant(values) for name, values in train.inputs.items()}
    labels = tf.constant(train.labels)
    counted = None if weights is None else tf.constant(weights)

    def losses(places: Any) -> Any:
        chosen: Mapping[str, Any] = {name: tf.gather(values, places) for name, values in inputs.items()}
        truth = tf.gather(labels, places)
        logits = answers_of(model, chosen, training=True)[LOGITS]
        found = tf.nn.sparse_softmax_cross_entropy_with_logits(truth, tf.cast(logits, tf.float32))
        return found if counted is None else found * tf.gather(counted, truth)

    return losses


def _alone(
    model: keras.Model, optimiser: Any, row_losses: Callable[[Any], Any], devices: Devices
) -> Callable[[npt.NDArray[np.int64]], Losses]:
    """Return what `spread` returns, for one device: all steps are one compiled loop."""

    def step(places: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(row_losses(places))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimiser.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    def run(order: Any) -> Any:
        count = tf.shape(order)[0]
        _, found = tf.while_loop(
            lambda number, losses: number < count,
            lambda number, losses: (number + 1, losses.write(number, step(order[number]))),
            (0, tf.TensorArray(tf.float32, size=count)),
        )
        return found.stack()

    compiled = tf.function(run, autograph=False, reduce_retracing=True)
    return lambda order: np.asarray(compiled(tf.constant(order)))
