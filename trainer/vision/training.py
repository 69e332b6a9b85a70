"""Training in two stages, on drawn surfaces and on the recipe's pictures; both go on where they were killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Recipe
from trainer.distribute.strategy import Devices, devices_of
from trainer.memory import with_memory
from trainer.vision.anomaly import fit_anomaly, held_out
from trainer.vision.data import Pictures
from trainer.vision.feeding import Watch
from trainer.vision.fit import Epoch, Fit
from trainer.vision.lessons import DrawnLessons, LabelledLessons
from trainer.vision.network import Network
from trainer.vision.own import OwnPictures
from trainer.vision.tiles import cut, of_a_tile

_PRETRAINING_EPOCHS = 10


@dataclass(frozen=True)
class TrainResult:
    """The trained network with the weights of its best epoch, how it went, and where its time went."""

    network: Network
    epochs: tuple[Epoch, ...]
    best_epoch: int
    best_score: float
    resumed_from: int
    watch: Watch
    remarks: tuple[str, ...] = ()


Report = Callable[[Epoch], None]


def beginning_with(recipe: Recipe, weights: str) -> Recipe:
    """Return the recipe with these `network.weights`: a place, which a step's key and results must not name."""
    return recipe.model_copy(update={"network": recipe.network.model_copy(update={"weights": weights})})


def pretrain(
    recipe: Recipe,
    seed: int,
    checkpoint_dir: Path,
    report: Report = lambda epoch: None,
    own: OwnPictures | None = None,
) -> Network:
    """Train the recipe's network on `network.pretraining` drawn surfaces alone and return it.

    It can be killed and called again, as `train` can.
    """
    network = recipe.network.of_a_tile().model_copy(update={"epochs": _PRETRAINING_EPOCHS})
    drawn = recipe.model_copy(update={"network": network})
    lessons = DrawnLessons(drawn, max(recipe.network.pretraining // _PRETRAINING_EPOCHS, 1), seed)
    fit = Fit(lessons, None, drawn, seed, checkpoint_dir, own)
    for epoch in _epochs(fit, fit.begin(None), _PRETRAINING_EPOCHS):
        report(epoch)
    return fit.finished()


def train(
    train_pictures: Pictures,
    eval_pictures: Pictures | None,
    recipe: Recipe,
    seed: int,
    checkpoint_dir: Path,
    report: Report = lambda epoch: None,
    pretrained: Path | None = None,
    warm_start: Path | None = None,
    halve_batch: bool = False,
    own: OwnPictures | None = None,
    devices: Devices | None = None,
) -> TrainResult:
    """Train the recipe's network, or that of the user's `own` code, and return it with its best weights.

    After each epoch a checkpoint is written below `checkpoint_dir`; a training that was killed goes on after its last
    finished epoch when it is called again with the same arguments. It begins with the weights (`.weights.h5`) of a
    former model, `warm_start`, or with those of `pretrain`, both of the same shape. Best is the one of the late epochs
    with the best `quality` on `eval_pictures` (few held-out parts often flatter a half-trained network), or the last
    one when there are none.

    The anomaly model (`network.model`) learns from the good ones alone; defective ones calibrate it. When the memory
    runs out and `halve_batch` allows it, the training begins again with half the batch, once. Several `devices` share
    each batch, and learn what one would; on them the batch is never halved.

    Raises Rejected for pictures without a good or a defective one, and when the loss stops being a number;
    ConfigError when the memory is not enough.
    """
    for weights in (pretrained, warm_start):
        if weights is not None and not weights.is_file():
            raise Rejected(f"{weights}: no such weights file; name that of a former model or train from scratch")
    begin = _Begin(warm_start or pretrained, warm_start is not None, own, devices or devices_of("none"))
    if recipe.network.model != "anomaly":
        seen, said = cut(train_pictures, recipe)
        _check(seen)
        result = _fitted(seen, eval_pictures, recipe, seed, checkpoint_dir, report, begin, halve_batch)
        return replace(result, remarks=(*said, *result.remarks))
    good, _ = cut(train_pictures.subset(train_pictures.labels == 0), recipe)
    defective, said = cut(train_pictures.subset(train_pictures.labels > 0), recipe)
    defective = defective.subset(defective.labels > 0)
    kept = held_out(good)
    if not len(good) or kept.all():
        raise Rejected(f"{len(set(good.parts))} good training parts; the anomaly model needs 2 or more, add some")
    learned, clean = good.subset(~kept), good.subset(kept)
    result = _fitted(learned, None, recipe, seed, checkpoint_dir, report, begin, halve_batch)
    calibrated = fit_anomaly(result.network, learned, clean, defective, seed)
    return replace(result, remarks=(*said, *result.remarks, str(calibrated)))


@dataclass(frozen=True)
class _Begin:
    """The weights that a training begins with, whether little is left to learn, the user's code, and the devices."""

    weights: Path | None
    gently: bool
    own: OwnPictures | None
    devices: Devices


def _fitted(
    pictures: Pictures,
    eval_pictures: Pictures | None,
    recipe: Recipe,
    seed: int,
    folder: Path,
    report: Report,
    begin: _Begin,
    halve_batch: bool,
) -> TrainResult:
    def once(batch: int) -> TrainResult:
        chosen = recipe.model_copy(update={"network": recipe.network.model_copy(update={"batch": batch})})
        fit = Fit(
            LabelledLessons(pictures, of_a_tile(chosen), seed),
            eval_pictures,
            chosen,
            seed,
            folder,
            begin.own,
            begin.devices,
        )
        resumed_from = fit.begin(begin.weights, begin.gently)
        history = []
        for epoch in _epochs(fit, resumed_from, chosen.network.epochs):
            history.append(epoch)
            report(epoch)
        return TrainResult(fit.finished(), tuple(history), fit.best_epoch, fit.best_score, resumed_from, fit.watch)

    alone = begin.devices.replicas == 1
    result, remarks = with_memory(once, recipe.network.batch, halve_batch and alone, "pictures")
    return replace(result, remarks=remarks)


def _epochs(fit: Fit, done: int, of: int) -> Iterator[Epoch]:
    yield from (fit.epoch(number) for number in range(done, of))


def _check(pictures: Pictures) -> None:
    defective = int((pictures.labels > 0).sum())
    if not 0 < defective < len(pictures):
        raise Rejected(
            f"{len(pictures)} training pictures, {defective} of them defective: both good and defective ones are "
            "needed; add pictures of the missing kind"
        )
