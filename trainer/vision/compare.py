"""Several kinds of model on the same folds of the same pictures, in one table; names of one thing share a fold.

`python -m trainer.vision.compare --recipe R --data DIR --folds 5 [--only 0] [--set epochs=10] [--note FILE]` prints the
table, and with `--note` appends it to that file under a heading that says what was run, so that no figure is typed by
hand. Kinds that begin with the same drawn surfaces learn these once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import Recipe, load_recipe
from trainer.own_code import OWN_CODE
from trainer.vision.crossvalidate import Answers, cells, check_folds, cross_validate, pretrained, with_settings
from trainer.vision.data import Pictures, load_folder

if TYPE_CHECKING:
    from trainer.vision.own import OwnPictures

_LITE = ("backbone=efficientnet-lite0", "weights=imagenet", "learning_rate=0.001")
KINDS = {
    "classification, small": ("backbone=small",),
    "classification, medium": ("backbone=medium",),
    "classification, mobilenet-v2-0.35": ("backbone=mobilenet-v2-0.35",),
    "classification, efficientnet-lite0 of ImageNet": _LITE,
    "anomaly, small": ("backbone=small", "model=anomaly"),
    "anomaly, efficientnet-lite0 of ImageNet": (*_LITE, "model=anomaly"),
}
_OWN_KINDS = {OWN_CODE: (f"backbone={OWN_CODE}",)}
"""With `--module`: the network that the user's file makes."""
COLUMNS = ("model", "weights", "AUROC image", "AUROC part (max)", "AUROC part (mean)", "peak hit", "s per training")


def compare(
    pictures: Pictures,
    recipe: Recipe,
    kinds: Sequence[str],
    folds: int,
    only: Sequence[int],
    folder: Path,
    module: str = "",
) -> list[str]:
    """Train and judge each kind; return the rows of the table. Weights from drawn surfaces are kept in `folder`.

    `module` is the user's own file, for the kind `own` alone.
    """
    from trainer.vision.own import OwnPictures

    rows = []
    for kind in kinds:
        chosen = with_settings(recipe, {**KINDS, **_OWN_KINDS}[kind])
        own = OwnPictures.of(module, {}) if kind in _OWN_KINDS else None
        begin = pretrained(chosen, folder / chosen.network.backbone, own)
        rows.append(row(kind, weights(chosen, own), cross_validate(pictures, chosen, folds, only, begin, own=own)))
        click.echo(rows[-1], err=True)
    return rows


def weights(recipe: Recipe, own: OwnPictures | None = None) -> int:
    """Return how many numbers the network has learned once it is trained."""
    from trainer.vision.network import build

    return int(build(recipe, own=own).serving.count_params())


def row(kind: str, count: int, answers: Answers) -> str:
    """Return one row of the table."""
    return "| " + " | ".join([kind, f"{count:,}", *cells(answers)[1:]]) + " |"


def table(heading: str, rows: Sequence[str]) -> str:
    """Return heading and table as Markdown."""
    lines = [heading, "", "| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS), *rows]
    return "\n".join(lines) + "\n"


def heading(recipe: Recipe, settings: Sequence[str], folds: int, only: Sequence[int], pictures: Pictures) -> str:
    """Say what was run."""
    network = recipe.network
    shown = f"{network.height} x {network.width} pixels, {network.epochs} epochs, {network.pretraining} drawn surfaces"
    tested = f"folds {', '.join(map(str, only))} of {folds}" if only else f"all {folds} folds"
    changed = f"; settings {', '.join(settings)}" if settings else ""
    parts = len(set(pictures.parts))
    return f"Recipe {recipe.name}, {len(pictures)} pictures of {parts} parts, {tested} tested; {shown} first{changed}."


@click.command()
@click.option("--recipe", "recipe_path", type=click.Path(path_type=Path), required=True)
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder with labels.csv.")
@click.option("--kind", "kinds", type=click.Choice([*KINDS, *_OWN_KINDS]), multiple=True, help="Only these kinds.")
@click.option("--module", default="", help="Your own file, for the kind 'own' (docs/own-code.md).")
@click.option("--folds", type=click.IntRange(3, 20), default=5)
@click.option("--only", type=int, multiple=True, help="Only these folds.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Another setting of recipe.network.")
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Folder for weights from drawn surfaces.")
@click.option("--note", type=click.Path(path_type=Path), help="Append the table to this file.")
def main(
    recipe_path: Path,
    data: Path,
    kinds: tuple[str, ...],
    module: str,
    folds: int,
    only: tuple[int, ...],
    settings: tuple[str, ...],
    work: Path,
    note: Path | None,
) -> None:
    """Compare kinds of model on parts that they never saw.

    Example: python -m trainer.vision.compare --recipe magnetic-tile.yaml --data tiles --work scratch --only 0
    """
    recipe = with_settings(load_recipe(recipe_path), settings)
    check_folds(only, folds)
    if note is not None and not note.is_file():
        raise ConfigError(f"--note {note}: no such file; give the notes that the table is to be appended to")
    if OWN_CODE in kinds and not module:
        raise ConfigError(f"--kind {OWN_CODE}: name your file with --module")
    pictures = load_folder(data, recipe)
    chosen = kinds or (*KINDS, *(_OWN_KINDS if module else ()))
    rows = compare(pictures, recipe, chosen, folds, only, work, module)
    found = table(heading(recipe, settings, folds, only, pictures), rows)
    click.echo(found)
    if note is not None:
        with note.open("a", encoding="utf-8") as file:
            file.write("\n" + found)


if __name__ == "__main__":
    main()
