"""What a recipe is worth on a folder of labelled pictures: trained several times, each part held out once.

`python -m trainer.vision.crossvalidate --recipe R --data DIR --folds 5 [--set epochs=30] [--note FILE]` prints a row
of a Markdown table, and with `--note` appends it to that file, so that no figure is typed by hand.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import numpy.typing as npt

from converter.confidence import join_parts
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import Network, Recipe, load_recipe
from edge_agent.contracts.scores import defect_probability, heatmap_peak, probabilities
from edge_agent.contracts.strict import parse
from trainer.data.alike import find_alike, joined, thumbnail
from trainer.evaluation.rates import auroc
from trainer.vision.data import Pictures, load_folder
from trainer.vision.evaluate import peak_hits

if TYPE_CHECKING:
    from trainer.vision.own import OwnPictures

COLUMNS = (
    "what",
    "settings",
    "parts",
    "AUROC image",
    "AUROC part (max)",
    "AUROC part (mean)",
    "peak hit",
    "s per training",
)


@dataclass(frozen=True)
class Answers:
    """The answers to pictures that the answering network never saw. `scores` (n,), `hits` over defective pictures."""

    scores: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    parts: tuple[str, ...]
    hits: npt.NDArray[np.bool_]
    seconds: tuple[float, ...]


def assign_folds(
    parts: Sequence[str],
    labels: npt.NDArray[np.int64],
    folds: int,
    group: Mapping[str, str] | None = None,
    salt: str = "",
) -> dict[str, int]:
    """Deal whole parts into folds, label by label, in an order that depends on their names (and `salt`) alone.

    Parts of one `group` (part -> group) go together, as one part of their highest label.
    """
    group_of = {part: (group or {}).get(part, part) for part in parts}
    label_of: dict[str, int] = {}
    for part, label in zip(parts, labels.tolist(), strict=True):
        label_of[group_of[part]] = max(label, label_of.get(group_of[part], label))
    ordered = sorted(label_of, key=lambda name: (label_of[name], digest_bytes(f"{salt}{name}".encode())))
    place = {name: number % folds for number, name in enumerate(ordered)}
    return {part: place[name] for part, name in group_of.items()}


def cross_validate(
    pictures: Pictures,
    recipe: Recipe,
    folds: int,
    only: Sequence[int] = (),
    begin: Path | None = None,
    draw: str = "",
    own: OwnPictures | None = None,
) -> Answers:
    """Train once a fold (or only for those named) and answer the fold's parts.

    Each fold is the evaluation set of the training whose test set is the fold before it. All trainings begin with the
    weights `begin`, see `pretrained`. Part names that show one thing are in one fold; another `draw` deals anew. `own`
    is the user's code for the network, if any.
    """
    fold_of = assign_folds(pictures.parts, pictures.labels, folds, one_thing(pictures), draw)
    rounds = [_one(pictures, recipe, fold_of, fold, folds, begin, own) for fold in (only or range(folds))]
    return Answers(
        np.concatenate([r.scores for r in rounds]),
        np.concatenate([r.labels for r in rounds]),
        tuple(part for r in rounds for part in r.parts),
        np.concatenate([r.hits for r in rounds]),
        tuple(second for r in rounds for second in r.seconds),
    )


def one_thing(pictures: Pictures) -> dict[str, str]:
    """Return the group of each part that has nearly the same picture as another one."""
    alike = find_alike(
        [thumbnail(pictures.shown(image, place)) for place, image in enumerate(pictures.images)], pictures.parts
    ).pairs
    return joined((pictures.parts[first], pictures.parts[second]) for first, second, _ in alike)


def pretrained(recipe: Recipe, folder: Path, own: OwnPictures | None = None) -> Path | None:
    """Return the weights that all trainings begin with, if the recipe wants any; once made they are kept."""
    from trainer.vision.training import pretrain

    if not recipe.network.pretraining:
        return None
    path = folder / "pretrained.weights.h5"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        pretrain(recipe, recipe.network.seed, folder / "checkpoints", own=own).training.save_weights(path)
    return path


def _one(
    pictures: Pictures,
    recipe: Recipe,
    fold_of: dict[str, int],
    fold: int,
    folds: int,
    begin: Path | None,
    own: OwnPictures | None,
) -> Answers:
    from trainer.vision.predict import predict
    from trainer.vision.training import train

    test = pictures.of_parts(p for p, f in fold_of.items() if f == fold)
    evaluation = pictures.of_parts(p for p, f in fold_of.items() if f == (fold + 1) % folds)
    training = pictures.of_parts(p for p, f in fold_of.items() if f not in (fold, (fold + 1) % folds))
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        result = train(training, evaluation, recipe, recipe.network.seed, Path(scratch), pretrained=begin, own=own)
    seconds = time.monotonic() - start
    found = predict(result.network, test.images)
    chosen = np.flatnonzero(test.masked & (test.labels > 0))
    peaks = [heatmap_peak(test.shown(found.heatmaps[i], i)) for i in chosen.tolist()]
    hits = peak_hits(peaks, [test.shown(test.masks[i], i) for i in chosen.tolist()])
    scores = defect_probability(probabilities(found.logits, 1.0))
    return Answers(scores, test.labels, test.parts, hits, (seconds,))


def row(what: str, settings: str, answers: Answers) -> str:
    """Return one row of the table."""
    return "| " + " | ".join([what, settings, *cells(answers)]) + " |"


def cells(answers: Answers) -> list[str]:
    """Return what was measured: parts, AUROC per image and per part joined by max and by mean, hit rate, seconds."""
    both = [join_parts(answers.scores, answers.parts, answers.labels, combine) for combine in ("max", "mean")]
    figures = [auroc(answers.scores, answers.labels > 0), *(auroc(j.scores, j.defective) for j in both)]
    found = [f"{len(both[0].parts)} ({int(both[0].defective.sum())} defective)"]
    found += [f"{figure:.3f}" for figure in figures]
    return [*found, f"{float(answers.hits.mean()):.3f}", f"{float(np.mean(answers.seconds)):.0f}"]


def check_folds(only: Sequence[int], folds: int) -> None:
    """Raise ConfigError for a fold that there is not."""
    if any(not 0 <= fold < folds for fold in only):
        raise ConfigError(f"--only {', '.join(map(str, only))}: folds are numbered 0 to {folds - 1}")


def with_settings(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """Return the recipe with KEY=VALUE settings of its network. Raises ConfigError for a key or value that is wrong."""
    pairs = dict(setting.partition("=")[::2] for setting in settings)
    network = parse(Network, {**recipe.network.model_dump(), **pairs}, "--set")
    return recipe.model_copy(update={"network": network})


@click.command()
@click.option("--recipe", "recipe_path", type=click.Path(path_type=Path), required=True)
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder with labels.csv.")
@click.option("--folds", type=click.IntRange(3, 20), default=5)
@click.option("--only", type=int, multiple=True, help="Only these folds.")
@click.option("--draw", default="", help="Any text: parts are dealt into folds by its hash.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Another setting of recipe.network.")
@click.option("--what", default="", help="What is tried, for the table.")
@click.option("--note", type=click.Path(path_type=Path), help="Append the row to this file.")
def main(
    recipe_path: Path,
    data: Path,
    folds: int,
    only: tuple[int, ...],
    draw: str,
    settings: tuple[str, ...],
    what: str,
    note: Path | None,
) -> None:
    """Measure a recipe on parts that its network never saw.

    Example: python -m trainer.vision.crossvalidate --recipe magnetic-tile.yaml --data tiles --set epochs=30
    """
    recipe = with_settings(load_recipe(recipe_path), settings)
    check_folds(only, folds)
    with tempfile.TemporaryDirectory() as scratch:
        begin = pretrained(recipe, Path(scratch))
        answers = cross_validate(load_folder(data, recipe), recipe, folds, only, begin, draw)
    shown = ", ".join(settings) or "as in the recipe"
    line = row(
        what or recipe.name,
        shown + (f"; folds {only} of {folds}" if only else f"; {folds} folds") + (f" of draw {draw}" if draw else ""),
        answers,
    )
    click.echo("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS) + "\n" + line)
    if note is not None:
        with note.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    main()
