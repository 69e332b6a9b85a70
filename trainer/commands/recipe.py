"""`trainer recipe`: recipes that ship with Lineside, and a first one for one's own data."""

from __future__ import annotations

from pathlib import Path

import click

from edge_agent.contracts.command import json_option, report
from edge_agent.contracts.errors import ConfigError


@click.group()
def recipe() -> None:
    """Propose, check and list recipes: one YAML file says what a product's inspection is.

    Example: trainer recipe propose my-part --data parts
    """


@recipe.command()
@click.argument("name")
@click.option("--data", "folders", required=True, multiple=True, type=click.Path(path_type=Path))
@click.option("--good", default="", help="Label of good parts; found by its name unless given.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write; NAME.yaml unless given.")
@click.option("--force", is_flag=True, help="Replace the file.")
@json_option
def propose(name: str, folders: tuple[Path, ...], good: str, out: Path | None, force: bool, as_json: bool) -> None:
    """Look at labelled pictures and write a first recipe NAME with a reason for every choice.

    Example: trainer recipe propose my-part --data parts --good ok
    """
    from trainer.pipeline.cache import write_atomically
    from trainer.proposal.recipe_text import propose as proposed
    from trainer.proposal.survey import survey

    path = out or Path(f"{name}.yaml")
    if path.exists() and not force:
        raise ConfigError(f"{path} is there already; give --force to replace it or --out another file")
    found = survey(folders, good)
    write_atomically(path, proposed(found, name).encode())
    shown = ", ".join(f"{count} {label}" for label, count in found.parts.items())
    report(
        as_json,
        {"recipe": str(path), "parts": found.parts, "pictures": found.pictures},
        lambda: click.echo(f"{path}: from {found.pictures} pictures of {sum(found.parts.values())} parts ({shown})"),
    )


@recipe.command()
@click.argument("file")
@json_option
def check(file: str, as_json: bool) -> None:
    """Read FILE, or the recipe of that name that ships with Lineside, and say whether all of it can be used.

    Example: trainer recipe check my-part.yaml
    """
    from trainer.pipeline.recipes import load

    found, _ = load(file, ())
    labels = f"{found.labels.good} against {', '.join(found.labels.defects)}"
    content = {"name": found.name, "task": found.task, "labels": list(found.labels.names)}
    report(as_json, content, lambda: click.echo(f"{file}: a recipe for {found.task}, {labels}"))


@recipe.command("list")
@json_option
def shipped(as_json: bool) -> None:
    """List the recipes that ship with Lineside.

    Example: trainer recipe list
    """
    from trainer.pipeline.recipes import RECIPES, load

    found = {path.stem: load(path.stem, ())[0].task for path in sorted(RECIPES.glob("*.yaml"))}
    report(as_json, found)
