"""What people read for a label of the model, which is an identifier: its name in their language, else its own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from edge_agent.contracts.encoding import Identifier

Words = Annotated[str, Field(min_length=1, max_length=60)]
_MEANING = "What people read for a label of the model: `{missing-chamfer: {en: Chamfer missing, de: Fase fehlt}}`."
Language = Literal["en", "de"]
LabelNames = Annotated[dict[Identifier, dict[Language, Words]], Field(description=_MEANING)]
Names = Mapping[str, Mapping[Language, str]]
"""By label and language."""


def names_in(language: str, names: Names) -> dict[str, str]:
    """Return the labels that have a name in a language, with it.

    >>> names_in("de", {"pit": {"en": "Pit", "de": "Grube"}, "dent": {"en": "Dent"}})
    {'pit': 'Grube'}
    """
    return {label: name for label, known in names.items() for spoken, name in known.items() if spoken == language}


def plain(label: str) -> str:
    """Return a label's own words.

    >>> plain("missing-chamfer")
    'missing chamfer'
    """
    return label.translate(str.maketrans("-_", "  "))
