"""How the steps work: the section `pipeline` of a recipe's file; and `--set KEY=VALUE`, which changes both parts."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import TRAINING, Recipe, load_recipe
from edge_agent.contracts.strict import Strict, parse, read_yaml
from trainer.evaluation.settings import EvaluatorSettings

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
_SHORT = {
    "epochs": "network.epochs",
    "batch": "network.batch",
    "seed": "network.seed",
    "max_bad": "example_gen.max_bad",
    "variants": "converter.variants",
}
Share = Annotated[float, Field(ge=0, le=1)]


class ExampleGenSettings(Strict):
    """Reading the data: share of bad pictures that is tolerated, salt of the split's hash."""

    max_bad: Share = 0.001
    salt: str = ""


class SchemaGenSettings(Strict):
    """`schema_file` is the path of a reviewed schema (text form); empty = infer one."""

    schema_file: str = ""


class TrainerSettings(Strict):
    """`warm_start` begins with the weights of the latest blessed model."""

    warm_start: bool = False


class ConverterSettings(Strict):
    """`variants` to make, comma-separated; empty = all that the converter knows. `force` accepts few pictures."""

    variants: str = ""
    force: bool = False


class InfraValidatorSettings(Strict):
    """Share of pictures whose answer may change sides on the device, slowest median, threads."""

    flipped_max: Share = 0.05
    p50_ms: Annotated[float, Field(gt=0)] = 200.0
    threads: Annotated[int, Field(ge=1)] = 2


class PusherSettings(Strict):
    """`fleet_home` = publish to that fleet, too."""

    fleet_home: str = ""


class MlflowSettings(Strict):
    """Where runs are logged besides the root: `tracking_uri` such as http://host:5000 or sqlite:////data/mlflow.db;
    `experiment` is the product's name unless given.
    """

    tracking_uri: str
    experiment: str = ""


class Settings(Strict):
    """How the steps work, one group a step: the section `pipeline` of a recipe's file.

    `module` is a Python file of the user's own with any of the functions `preprocessing_fn`, `build_model` and
    `metrics`; a relative path is meant from the recipe's folder.
    """

    module: str = ""

    example_gen: ExampleGenSettings = ExampleGenSettings()
    schema_gen: SchemaGenSettings = SchemaGenSettings()
    trainer: TrainerSettings = TrainerSettings()
    evaluator: EvaluatorSettings = EvaluatorSettings()
    converter: ConverterSettings = ConverterSettings()
    infra_validator: InfraValidatorSettings = InfraValidatorSettings()
    pusher: PusherSettings = PusherSettings()
    metadata_url: str = ""
    mlflow: MlflowSettings | None = None


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
    """Return the steps' settings that the recipe's file holds, the user's module by its whole path."""
    found = read_yaml(path).get(TRAINING) or {}
    source = f"{path}: {TRAINING}"
    settings = parse(Settings, found, source).model_dump(mode="json", exclude_unset=True)
    if settings.get("module"):
        settings["module"] = str((path.parent / settings["module"]).resolve())
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
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += _keys(inner, f"{prefix}{name}.")
        else:
            found.append(f"{prefix}{name}")
    return found


def _put(target: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for level in path[:-1]:
        target = target.setdefault(level, {})
    target[path[-1]] = value
