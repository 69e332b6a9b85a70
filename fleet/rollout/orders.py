"""A rollout as it is ordered: what a person may say, and the durations in it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.messages import Probation
from edge_agent.contracts.strict import Strict

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$")
_PERCENT = re.compile(r"^(\d+(?:\.\d+)?) ?%$")
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
SCOPES = ("site", "line", "device_class", "device")


class Limits(Strict):
    """What the gates tolerate: shares of failed installations and of failed parts, and how many parts must tell."""

    install_failures: Annotated[float, Field(ge=0, lt=1)] = 0.05
    part_failures: Annotated[float, Field(gt=0, lt=1)] = 0.02
    parts: Annotated[int, Field(ge=0)] = 20


RolloutStrategy = Literal["canary", "blue-green", "shadow", "canary-parts"]
PARTS_SHARE = 0.05
"""Of the parts, what a model decides that is tried by them, unless somebody says otherwise."""


class Order(Strict):
    """What shall go where and how. `model` is MODEL[@VERSION]; times are milliseconds.

    `parts_share` is the share of each device's parts that the model decides with the strategy `canary-parts`.
    """

    model: str | None = None
    canary: str | None = None
    stages: str | None = None
    strategy: RolloutStrategy = "canary"
    parts_share: Annotated[float, Field(gt=0, le=1)] | None = None
    where: dict[str, str] = {}
    soak_ms: Annotated[int, Field(ge=0)] = 60_000
    deadline_ms: Annotated[int, Field(gt=0)] = 600_000
    probation: Probation = Probation()
    limits: Limits = Limits()
    seed: int | None = None

    @model_validator(mode="after")
    def _a_share_of_what(self) -> Order:
        if self.parts_share is not None and self.strategy != "canary-parts":
            raise ValueError("parts_share is for the strategy canary-parts alone; leave it out or name that one")
        return self


def parts_share(text: str) -> float:
    """Return the share of the parts that '5%' means. Raises Rejected.

    >>> parts_share("5%"), parts_share("0.5 %")
    (0.05, 0.005)
    """
    match = _PERCENT.match(text.strip())
    if match is None or not 0 < float(match[1]) <= 100:
        raise Rejected(f"'{text}' is no share of the parts; say for example 5%")
    return float(match[1]) / 100


def duration_ms(text: str) -> int:
    """Return the milliseconds that '90s', '10m', '2h' or '45' (seconds) means. Raises Rejected."""
    match = _DURATION.match(text.strip())
    if match is None:
        raise Rejected(f"'{text}' is no duration; say for example 90s, 10m or 2h")
    return round(float(match[1]) * _UNITS[match[2] or "s"])


def scope(conditions: tuple[str, ...] | list[str]) -> dict[str, str]:
    """Return 'site=munich' conditions, all of which must hold, as a mapping; 'tag.NAME=VALUE' asks for a tag."""
    chosen: dict[str, str] = {}
    for condition in conditions:
        key, equals, value = condition.partition("=")
        key = {"class": "device_class"}.get(key.strip(), key.strip())
        if not equals or not (key in SCOPES or key.startswith("tag.")):
            raise Rejected(f"'{condition}' is no condition; say {', '.join(SCOPES)} or tag.NAME, then =VALUE")
        chosen[key] = value.strip()
    return chosen
