"""Models that refuse what they do not know, and YAML files read into them with errors a person can act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from edge_agent.contracts.encoding import IDENTIFIER
from edge_agent.contracts.errors import ConfigError


class Strict(BaseModel):
    """A frozen model that refuses unknown keys and numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, ser_json_inf_nan="null")


M = TypeVar("M", bound=Strict)


def load_yaml(model: type[M], path: Path) -> M:
    """Read the YAML file at `path` into `model`.

    Raises ConfigError naming the file, the key, what was found and, for an unknown key, the nearest known one.
    """
    return parse(model, read_yaml(path), str(path))


def read_yaml(path: Path) -> Any:
    """Return what the YAML file at `path` holds. Raises ConfigError naming the file and the line."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); give the path of a YAML file") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise ConfigError(f"{path}: not valid YAML{line}; check indentation and quotes") from error


def parse(model: type[M], content: Any, source: str) -> M:
    """Validate `content` (a mapping) as `model`; errors name `source`. Raises ConfigError."""
    if not isinstance(content, dict):
        raise ConfigError(f"{source}: found {type(content).__name__}, expected a mapping of keys to values")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_first_problem(model, error, content)}") from error


def _first_problem(model: type[BaseModel], error: ValidationError, content: Any) -> str:
    found = error.errors(include_url=False)
    first = next(
        (one for one in found if one["type"] == "extra_forbidden"), found[0]
    )  # a slip explains what is missing
    where = ".".join(_keys(first["loc"], content)) or "top level"
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(first["loc"][-1]), sorted(set(_known_keys(model))), n=1, cutoff=0.4)
        hint = f"did you mean '{near[0]}'?" if near else "remove it"
        return f"unknown key '{where}'; {hint}"
    if first["type"] == "missing":
        return f"key '{where}' is missing; add it"
    if first["type"] == "union_tag_invalid":
        context = first["ctx"]
        key = f"{where}.{context['discriminator'].strip(chr(39))}"
        return f"'{key}' is '{context['tag']}', expected one of {context['expected_tags']}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"'{where}' is {first['input']!r}: {_words(first['msg'])}{more}"


def _words(message: str) -> str:
    """Return a message in the words of a YAML file."""
    if IDENTIFIER in message:
        return "expected small letters, digits, dots, dashes and underscores, at most 63 of them"
    return message.replace("tuple", "list").replace(
        "dictionary or object to extract fields from", "mapping of keys to values"
    )


def _keys(loc: tuple[int | str, ...], content: Any) -> Iterator[str]:
    """Yield the keys of a place as they stand in the file: without the names of the kinds that it was tried as."""
    for number, step in enumerate(loc):
        inner = isinstance(content, dict) and step in content
        if inner or (isinstance(content, list) and isinstance(step, int) and step < len(content)):
            content = content[step]
            yield str(step)
        elif number == len(loc) - 1 and isinstance(content, dict):
            yield str(step)  # the one that is missing


def _known_keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name
        for inner in _models_in(field.annotation):
            yield from _known_keys(inner)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)
