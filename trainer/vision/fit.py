"""One fit of the network to what it is taught, with a checkpoint after each epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from converter.confidence import join_parts
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.scores import defect_probability, probabilities
from trainer.checkpoint import Arrays
from trainer.distribute.strategy import Devices, devices_of
from trainer.evaluation import rates
from trainer.vision import checkpoint
from trainer.vision.backbones import load_pretrained
from trainer.vision.checkpoint import State, key_of
from trainer.vision.data import Batch, Pictures
from trainer.vision.feeding import Feed, Watch
from trainer.vision.finetune import TwoRates, settle
from trainer.vision.lessons import Lessons
from trainer.vision.network import Network, build
from trainer.vision.own import OwnPictures
from trainer.vision.predict import predict
from trainer.vision.schedule import rate_at
from trainer.vision.stepping import reseed, step_of
from trainer.vision.weights import load_weights, weights_of

_WEIGHT_DECAY = 0.05
_AVERAGING = 0.995
_GENTLE_RATE = 0.5
_FEWEST_STEPS = 4
_SURPRISE_SHARE = 0.1
_JUDGED_FROM = 0.6


@dataclass(frozen=True)
class Epoch:
    """What a finished epoch showed. `auroc` is per part on the evaluation pictures, NaN when not defined there."""

    number: int
    of: int
    loss: float
    class_loss: float
    place_loss: float
    auroc: float

    @property
    def share(self) -> float:
        """How much of the fit is done, 0..1."""
        return self.number / self.of


class Fit:
    """One fit of a network: network, optimiser, averaged and best weights."""

    def __init__(
        self,
        lessons: Lessons,
        eval_pictures: Pictures | None,
        recipe: Recipe,
        seed: int,
        folder: Path,
        own: OwnPictures | None = None,
        devices: Devices | None = None,
    ) -> None:
        keras.utils.set_random_seed(seed)
        self._devices = devices or devices_of("none")
        self._lessons, self._eval, self._recipe = lessons, eval_pictures, recipe
        self._seed, self._folder = seed, folder
        self._batch = min(recipe.network.batch, lessons.count)
        self._steps = max(lessons.count // self._batch, _FEWEST_STEPS)
        with self._devices.strategy.scope():
            self._network = build(recipe, dropout=lessons.dropout, precision=recipe.network.precision, own=own)
            self._model = self._network.training
            slow = settle(self._model) if recipe.network.weights else []
            self._optimiser = TwoRates(slow, weight_decay=_WEIGHT_DECAY, beta_2=0.99, global_clipnorm=5.0)
            self._optimiser.build(self._model.trainable_variables)
        weights = tf.constant(lessons.weights)
        self._step = step_of(self._model, self._optimiser, weights, self._devices, self._batch)
        self._rate = recipe.network.learning_rate
        self._average: Arrays = []
        self._best: Arrays = []
        self.best_epoch, self.best_score = 0, -math.inf
        self.watch = Watch()
        self._batches: Iterator[dict[str, Any]] = iter(())

    def begin(self, weights: Path | None, gently: bool = False) -> int:
        """Go on from the checkpoint of this very fit, if there is one; return how many epochs are already done.

        Without one begin with the `.weights.h5` of another fit, if one is given: `gently`, if little is left to learn.
        Raises Rejected as `load_weights` does, ConfigError as `load_pretrained`.
        """
        self._key = key_of(self._lessons.digest, self._eval, self._recipe, self._seed, weights)
        if gently:
            self._rate *= _GENTLE_RATE
        state = checkpoint.load(self._folder, self._key)
        done = 0 if state is None else state.epoch
        if state is not None:
            self._restore(state)
        else:
            if weights is not None:
                load_weights(self._network, weights)
            elif self._recipe.network.weights:
                load_pretrained(self._model, self._recipe.network.backbone, self._recipe.network.weights)
            self._average = weights_of(self._model)
        self._batches = self._feed(done)
        return done

    def _feed(self, done: int) -> Iterator[dict[str, Any]]:
        """Return all batches after the epochs that are done; they are made ahead, over the ends of epochs too."""
        epoch_of = lru_cache(2)(lambda epoch: self._lessons.epoch(epoch, self._steps, self._batch))

        def make(number: int) -> Batch:
            epoch, step = divmod(number, self._steps)
            return epoch_of(epoch)(step)

        last = self._recipe.network.epochs
        if done >= last:
            return iter(())
        feed = Feed(make, make(done * self._steps), self._lessons.varied(self._batch), self._seed)
        return iter(feed.batches(done * self._steps, last * self._steps))

    def _restore(self, state: State) -> None:
        self._model.set_weights(state.weights)
        for variable, value in zip(self._optimiser.variables, state.optimiser, strict=True):
            variable.assign(value)
        self._average, self._best = state.average, state.best
        self.best_epoch, self.best_score = state.best_epoch, state.best_score

    def epoch(self, epoch: int) -> Epoch:
        """Train one epoch, measure it, remember the best, write the checkpoint."""
        reseed(self._model, self._seed, epoch)
        sums = np.zeros(3)
        for number, batch in enumerate(self.watch.over(self._batches, self._steps)):
            step = epoch * self._steps + number
            self._optimiser.learning_rate.assign(rate_at(step, self._steps * self._recipe.network.epochs, self._rate))
            values = np.asarray(self._step(batch))
            if not np.isfinite(values).all():
                raise Rejected(
                    f"training failed in epoch {epoch + 1}, step {step}: the loss is {values[0]}; lower "
                    f"network.learning_rate (now {self._recipe.network.learning_rate}) or check the pictures"
                )
            sums += values
            self._follow(step)
        total, classes, place = sums / self._steps
        score = self._measure(epoch)
        if self._devices.chief:
            self._save(epoch + 1)
        return Epoch(epoch + 1, self._recipe.network.epochs, float(total), float(classes), float(place), score)

    def _follow(self, step: int) -> None:
        keep = min(_AVERAGING, (1 + step) / (10 + step))
        for average, now in zip(self._average, self._model.weights, strict=True):
            average *= keep
            average += (1 - keep) * now.numpy()

    def _measure(self, epoch: int) -> float:
        """Return the AUROC per part of the averaged weights, and keep them if they are the best so far."""
        auroc, score = math.nan, float(epoch)
        if self._eval is not None:
            now = weights_of(self._model)
            self._model.set_weights(self._average)
            auroc, score = quality(self._network, self._eval, self._recipe)
            score = self._devices.agreed(score)
            self._model.set_weights(now)
        late = epoch + 1 > _JUDGED_FROM * self._recipe.network.epochs
        if late and score > self.best_score:
            self.best_score, self.best_epoch = score, epoch + 1
            self._best = [average.copy() for average in self._average]
        return auroc

    def _save(self, epoch: int) -> None:
        optimiser = [np.asarray(variable.numpy()) for variable in self._optimiser.variables]
        state = State(
            epoch,
            self._key,
            self.best_epoch,
            self.best_score,
            weights_of(self._model),
            optimiser,
            self._average,
            self._best,
        )
        checkpoint.save(self._folder, state)

    def finished(self) -> Network:
        """Return the network with its best weights."""
        self._model.set_weights(self._best)
        return self._network


def quality(network: Network, pictures: Pictures, recipe: Recipe) -> tuple[float, float]:
    """Return (AUROC per part, score by which epochs are compared) of the network on pictures.

    The score adds how likely the truth was held, because few parts give many epochs the same AUROC. The AUROC is NaN,
    and does not count, when the pictures are all good or all defective.
    """
    logits = predict(network, pictures.images).logits
    scores = defect_probability(probabilities(logits, 1.0))
    joined = join_parts(scores, pictures.parts, pictures.labels, recipe.views.combine)
    truth = np.where(joined.defective, joined.scores, 1 - joined.scores)
    surprise = float(-np.log(np.clip(truth, 1e-4, 1)).mean())
    auroc = rates.auroc(joined.scores, joined.defective)
    return auroc, (0.0 if math.isnan(auroc) else auroc) - _SURPRISE_SHARE * surprise
