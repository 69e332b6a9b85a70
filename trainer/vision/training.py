"""Training from scratch, over drawn surfaces if the recipe says so, or from a former model; it can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Recipe
from trainer.vision.checkpoint import Arrays
from trainer.vision.data import Pictures
from trainer.vision.fit import Epoch, Fit, weights_of
from trainer.vision.lessons import DrawnLessons, LabelledLessons
from trainer.vision.network import Network

_PRETRAINING_EPOCHS = 10


@dataclass(frozen=True)
class Progress:
    """A finished epoch, and which `share` of all pictures of the training, 0..1, has been shown by then.

    `pretraining` says that the epoch was one over drawn surfaces.
    """

    epoch: Epoch
    share: float
    pretraining: bool


@dataclass(frozen=True)
class TrainResult:
    """The trained network with the weights of its best epoch, and how it went."""

    network: Network
    epochs: tuple[Epoch, ...]
    best_epoch: int
    best_score: float
    resumed_from: int


Report = Callable[[Progress], None]


def train(
    train_pictures: Pictures,
    eval_pictures: Pictures | None,
    recipe: Recipe,
    seed: int,
    checkpoint_dir: Path,
    report: Report = lambda progress: None,
    warm_start: Path | None = None,
) -> TrainResult:
    """Train the recipe's network and return it with its best weights.

    After each epoch a checkpoint is written below `checkpoint_dir`; a training that was killed goes on after its last
    finished epoch when it is called again with the same arguments. `warm_start` is the weights file (`.weights.h5`)
    of a former model of the same shape; without one, `network.pretraining` drawn surfaces come first. Best is the
    one of the late epochs with the best `quality` on `eval_pictures` (few held-out parts often flatter a half-trained
    network), or the last one when there are none.

    Raises Rejected for pictures without a good or a defective one, and when the loss stops being a number.
    """
    _check(train_pictures)
    if warm_start is not None and not warm_start.is_file():
        raise Rejected(f"{warm_start}: no such weights file; name that of a former model or train from scratch")
    fit = Fit(LabelledLessons(train_pictures, recipe, seed), eval_pictures, recipe, seed, checkpoint_dir)
    resumed_from = fit.resume(warm_start)
    drawn = 0 if warm_start is not None else recipe.network.pretraining
    whole = drawn + len(train_pictures) * recipe.network.epochs
    if resumed_from == 0 and warm_start is not None:
        fit.begin_with_file(warm_start)
    elif resumed_from == 0 and drawn:
        fit.begin_with(_pretrained(recipe, seed, checkpoint_dir / "pretraining", drawn / whole, report))
    history = []
    for epoch in _epochs(fit, resumed_from, recipe.network.epochs):
        history.append(epoch)
        report(Progress(epoch, (drawn + epoch.number * len(train_pictures)) / whole, False))
    return TrainResult(fit.finished(), tuple(history), fit.best_epoch, fit.best_score, resumed_from)


def _pretrained(recipe: Recipe, seed: int, folder: Path, share: float, report: Report) -> Arrays:
    """Return the weights after a training on drawn surfaces alone; `share` of the whole work is this."""
    network = recipe.network.model_copy(update={"epochs": _PRETRAINING_EPOCHS})
    lessons = DrawnLessons(recipe, max(recipe.network.pretraining // _PRETRAINING_EPOCHS, 1), seed)
    fit = Fit(lessons, None, recipe.model_copy(update={"network": network}), seed, folder)
    for epoch in _epochs(fit, fit.resume(None), _PRETRAINING_EPOCHS):
        report(Progress(epoch, share * epoch.number / _PRETRAINING_EPOCHS, True))
    return weights_of(fit.finished().training)


def _epochs(fit: Fit, done: int, of: int) -> Iterator[Epoch]:
    yield from (fit.epoch(number) for number in range(done, of))


def _check(pictures: Pictures) -> None:
    defective = int((pictures.labels > 0).sum())
    if not 0 < defective < len(pictures):
        raise Rejected(
            f"{len(pictures)} training pictures, {defective} of them defective: both good and defective ones are "
            "needed; add pictures of the missing kind"
        )
