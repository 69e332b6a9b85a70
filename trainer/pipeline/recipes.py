"""A recipe's file, read: what the product is and how the steps work; `--set KEY=VALUE` changes both."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import TRAINING, Recipe, load_recipe
from edge_agent.contracts.strict import parse, read_yaml
from trainer.pipeline.settings import Settings

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
_PATHS = (
    ("schema_gen", "schema_file"),
    ("bulk_inferrer", "data"),
    ("pusher", "fleet_home"),
    ("pusher", "place"),
    ("trainer", "tensorboard"),
    ("example_validator", "serving"),
)
"""Settings that are paths; a relative one in a recipe is meant from its folder."""
_SHORT = {
    "epochs": "network.epochs",
    "batch": "network.batch",
    "seed": "network.seed",
    "max_bad": "example_gen.max_bad",
    "spans": "example_gen.spans",
    "strict": "example_gen.strict",
    "steps": "trainer.steps",
    "variants": "converter.variants",
}


def find_recipe(name: str) -> Path:
    """Return the path of a recipe: a file, or the name of one that ships with Lineside. Raises ConfigError."""
    path = Path(name)
    if path.is_file():
        return path
    shipped = RECIPES / f"{name}.yaml"
    if shipped.is_file():
        return shipped
    known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.yaml")))
    raise ConfigError(f"recipe '{name}': no such file, and Lineside ships {known}; give one of these")


def load(recipe: str, assignments: Sequence[str]) -> tuple[Recipe, Settings]:
    """Read the recipe with its section `pipeline` and apply `KEY=VALUE` settings to both.

    Raises ConfigError naming the nearest key for an unknown one.
    """
    path = find_recipe(recipe)
    base = load_recipe(path).model_dump(mode="json")
    settings = _section(path)
    for text in assignments:
        key, value = _assignment(text)
        target = base if key.split(".")[0] in Recipe.model_fields else settings
        _put(target, key.split("."), value)
    return parse(Recipe, base, f"recipe {recipe} with --set"), parse(Settings, settings, "--set")


def _section(path: Path) -> dict[str, Any]:
    """Return the steps' settings that the recipe's file holds; paths in it are meant from its folder."""
    found = read_yaml(path).get(TRAINING) or {}
    source = f"{path}: {TRAINING}"
    settings = parse(Settings, found, source).model_dump(mode="json", exclude_unset=True)
    for group, key in ((settings, "module"), *((settings.get(name, {}), key) for name, key in _PATHS)):
        if group.get(key):
            group[key] = str((path.parent / group[key]).resolve())
    return settings


def _assignment(text: str) -> tuple[str, Any]:
    import yaml

    key, separator, value = text.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set {text}: expected KEY=VALUE, such as epochs=5")
    key = _SHORT.get(key, key)
    if key not in set(known_keys()):
        near = difflib.get_close_matches(key, [*_SHORT, *known_keys()], n=1, cutoff=0.4)
        hint = f"did you mean '{near[0]}'?" if near else "see docs/config.md"
        raise ConfigError(f"--set {text}: unknown key '{key}'; {hint}")
    try:
        return key, yaml.safe_load(value) if value else ""
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {text}: the value is not YAML; put it in quotes") from error


def known_keys() -> list[str]:
    """Return every key that can be set, in dotted form."""
    return [*_keys(Recipe), *_keys(Settings)]


def _keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    found: list[str] = []
    for name, field in model.model_fields.items():
        inner = next((kind for kind in _kinds(field.annotation) if issubclass(kind, BaseModel)), None)
        if inner is not field.annotation:
            found.append(f"{prefix}{name}")
        if inner is not None:
            found += _keys(inner, f"{prefix}{name}.")
    return found


def _kinds(annotation: Any) -> list[type]:
    """Return the classes of an annotation: itself, or what an optional section may be."""
    either = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ()
    return [kind for kind in (annotation, *either) if isinstance(kind, type)]


def _put(target: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for level in path[:-1]:
        if target.get(level) is None:
            target[level] = {}
        target = target[level]
    target[path[-1]] = value
