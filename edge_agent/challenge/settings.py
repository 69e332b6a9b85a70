"""Which challenge parts a station has, and when they are due (`challenge` in station.yaml)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from edge_agent.contracts.encoding import Identifier
from edge_agent.contracts.strict import Strict
from edge_agent.contracts.verdict import Verdict
from edge_agent.decision.challenge import Schedule

_RECIPE = "Of which product it is a part, where the station makes several; without it, of every one"
_TEXT = "Name of the challenge part: a trigger with this serial presents it"


class ChallengePart(Strict):
    """A part that is kept beside the line, and what is known of it: `accept` for a good one, `reject` for a bad one."""

    name: Annotated[str, StringConstraints(pattern=r"^\S(.{0,58}\S)?$"), Field(description=_TEXT)]
    known: Literal[Verdict.ACCEPT, Verdict.REJECT]
    recipe: Annotated[Identifier | None, Field(description=_RECIPE)] = None


class ChallengeConfig(Strict):
    """Parts with a known answer (docs/automation.md), and when all of them must have been passed.

    `at_start` of the station, `at_model_change` (so is every changeover), `every_hours`, `every_parts`.
    """

    parts: Annotated[tuple[ChallengePart, ...], Field(min_length=1, max_length=32)]
    at_start: bool = True
    at_model_change: bool = True
    every_hours: Annotated[float, Field(gt=0)] | None = None
    every_parts: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> ChallengeConfig:
        if len(set(self.names)) < len(self.parts):
            raise ValueError("two challenge parts have the same name; give each one its own")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parts in the order of the file."""
        return tuple(part.name for part in self.parts)

    def names_for(self, recipe: str) -> tuple[str, ...]:
        """Names of the parts that are presented while a recipe is in force."""
        return tuple(part.name for part in self.parts if part.recipe in (None, recipe))

    @property
    def schedule(self) -> Schedule:
        """The same as the rules read it."""
        return Schedule(self.at_start, self.at_model_change, self.every_hours, self.every_parts)

    def known(self, name: str) -> Verdict:
        """Return what is known of a part."""
        return next(part.known for part in self.parts if part.name == name)
