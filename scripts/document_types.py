"""A setting's type and default in the words of somebody who writes YAML."""

from __future__ import annotations

import json
import types
from collections.abc import Iterable
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

_WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text"}
_BOUNDS = (("gt", "above"), ("ge", "at least"), ("lt", "below"), ("le", "at most"))


def type_words(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """Return what may stand there, bounds included."""
    bounds = list(metadata)
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return type_words(inner, [*more, *bounds])
    if _is_optional(annotation):
        inner = next(part for part in get_args(annotation) if part is not type(None))
        return f"{type_words(inner, bounds)}, or nothing"
    return _plain(annotation) + _bounds(bounds)


def default_words(field: FieldInfo) -> str:
    """Return the default as YAML would have it, in code marks."""
    if field.is_required():
        return "**needed**"
    if field.default is PydanticUndefined or isinstance(field.default, BaseModel):
        return ""
    return f"`{json.dumps(field.default, default=_value)}`"


def _value(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


def _is_optional(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation)


def _plain(annotation: Any) -> str:
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(str(_value(word) if isinstance(word, Enum) else word) for word in inside)
    if origin in (tuple, list):
        return f"list of {type_words(inside[0])}"
    if origin is dict:
        return f"mapping of {type_words(inside[0])} to {type_words(inside[1])}"
    if origin in (Union, types.UnionType):
        return " or ".join(type_words(part) for part in inside)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(str(member.value) for member in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        keys = (field.alias or name for name, field in annotation.model_fields.items())
        return f"sections with {', '.join(keys)}"
    return _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())


def _bounds(metadata: Iterable[Any]) -> str:
    found = []
    for one in metadata:
        found += _bounds_of(one)
    return f" ({', '.join(found)})" if found else ""


def _bounds_of(one: Any) -> list[str]:
    if isinstance(one, FieldInfo):
        return [words for inner in one.metadata for words in _bounds_of(inner)]
    found = [f"{word} {getattr(one, name):g}" for name, word in _BOUNDS if getattr(one, name, None) is not None]
    least, most = getattr(one, "min_length", None), getattr(one, "max_length", None)
    found += [f"at least {least} long"] if least else []
    return found + ([f"at most {most} long"] if most else [])
