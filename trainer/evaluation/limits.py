"""Limits on metrics: whether the interval proves that one is kept, proves that it is broken, or leaves it open."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from edge_agent.contracts.bounds import LEVEL, more_needed
from trainer.evaluation.rates import Estimate
from trainer.evaluation.settings import LimitSettings

Status = Literal["proven", "measured", "open", "unproven", "violated"]
_PASSING = ("proven", "measured", "open")
_NAMES = {
    "part_auroc": "AUROC per part",
    "escape": "escape rate",
    "overkill": "overkill rate",
    "review": "review share",
    "recall": "recall of defective parts",
    "cost": "cost a part",
}
_HARMLESS = {
    "escape": "defective parts, none accepted,",
    "recall": "defective parts, none accepted,",
    "overkill": "good parts, none rejected,",
    "review": "parts, none in review,",
}
_WORDS: dict[Status, str] = {
    "proven": "proven",
    "measured": "kept as measured, not proven",
    "open": "a loss within chance",
    "unproven": "insufficient evidence, not proven",
    "violated": "broken",
}


@dataclass(frozen=True)
class Judgement:
    """What became of one limit. `about` is the metric and its slice, `kind` "value" or "change"."""

    about: str
    kind: Literal["value", "change"]
    status: Status
    text: str

    @property
    def passed(self) -> bool:
        """Whether the model may go on as far as this limit is concerned."""
        return self.status in _PASSING

    def with_more(self, text: str) -> Judgement:
        """Return the judgement with a remark at its end."""
        return replace(self, text=f"{self.text}; {text}") if text else self


def name_of(limit: LimitSettings) -> str:
    """Return the metric and its slice, such as `escape on exposure=6`."""
    return limit.metric + _where(limit)


def judge_value(limit: LimitSettings, found: Estimate) -> Judgement:
    """Compare an estimate with `lower` and `upper`. A value that is not defined proves nothing."""
    wanted, shown = _wanted(limit), _shown_name(limit)
    if math.isnan(found.value):
        text = f"insufficient evidence for {shown} {wanted}: {_nothing(limit)}"
        return Judgement(name_of(limit), "value", "unproven", text)
    inside = _within(limit, found.value, found.value)
    if _within(limit, found.low, found.high):
        status: Status = "proven"
    elif not _touches(limit, found.low, found.high):
        status = "violated"
    elif limit.require == "proven":
        status = "unproven"
    elif inside:
        status = "measured"
    else:
        status = "open" if limit.require == "unbroken" else "unproven"
    words = _WORDS[status] if inside or status == "violated" else "not kept as measured, though not beyond chance"
    return Judgement(name_of(limit), "value", status, f"{shown} {_shown(found)}, required {wanted}: {words}")


def judge_change(limit: LimitSettings, drop: Estimate, former: str) -> Judgement:
    """Compare the loss against the former model, positive = worse, with what is allowed.

    With `unbroken` a loss that the interval tells from 0 is refused where it is larger than allowed.
    """
    about, shown = name_of(limit), _shown_name(limit)
    allowed = limit.change.allowed_drop if limit.change else 0.0
    if math.isnan(drop.value):
        text = f"insufficient evidence for the change of {shown} against {former}: {_nothing(limit)}"
        return Judgement(about, "change", "unproven", text)
    beyond_chance = drop.low > 0 and drop.value > allowed
    if drop.high <= allowed:
        status: Status = "proven"
    elif drop.low > allowed or (limit.require == "unbroken" and beyond_chance):
        status = "violated"
    elif limit.require == "proven":
        status = "unproven"
    elif drop.value <= allowed:
        status = "measured"
    else:
        status = "open" if limit.require == "unbroken" else "unproven"
    text = f"{shown} against {former}: loss {_shown(drop)}, allowed {allowed:.3f}: {_WORDS[status]}"
    return Judgement(about, "change", status, text)


def missing_parts(limit: LimitSettings, found: Estimate, defective: int, good: int) -> str:
    """Say how many more parts would prove the limit if they were like those that are there; "" where that is unknown.

    Of a share: parts without an event. Of an AUROC: of the rarer kind, the interval narrowing with their square root.
    """
    if math.isnan(found.value):
        return ""
    if limit.metric == "part_auroc":
        return _missing_for_auroc(limit, found, defective, good)
    share = limit.upper if limit.metric != "recall" else None if limit.lower is None else 1 - limit.lower
    if limit.metric not in _HARMLESS or share is None or share <= 0 or found.events is None:
        return ""
    events = found.n - found.events if limit.metric == "recall" else found.events
    more = more_needed(events, found.n, share, (1 + LEVEL) / 2)
    return f"{more} more {_HARMLESS[limit.metric]} are needed to prove it" if more else ""


def _missing_for_auroc(limit: LimitSettings, found: Estimate, defective: int, good: int) -> str:
    lower, rarer = limit.lower, min(defective, good)
    if lower is None or lower >= found.value or rarer == 0:
        return ""
    if found.value == 1.0:
        needed = math.log((1 - LEVEL) / 2) / math.log(lower) if lower > 0 else 0.0
    else:
        needed = rarer * ((found.value - found.low) / (found.value - lower)) ** 2
    more = math.ceil(round(needed, 6)) - rarer
    kind = "defective" if defective <= good else "good"
    return f"about {more} more {kind} parts, told apart as well, are needed to prove it" if more > 0 else ""


def _within(limit: LimitSettings, low: float, high: float) -> bool:
    return (limit.lower is None or low >= limit.lower) and (limit.upper is None or high <= limit.upper)


def _touches(limit: LimitSettings, low: float, high: float) -> bool:
    return (limit.lower is None or high >= limit.lower) and (limit.upper is None or low <= limit.upper)


def _where(limit: LimitSettings) -> str:
    where = ", ".join(f"{key}={value}" for key, value in sorted(limit.slice.items()))
    return f" on {where}" if where else ""


def _shown_name(limit: LimitSettings) -> str:
    return _NAMES[limit.metric] + _where(limit)


def _wanted(limit: LimitSettings) -> str:
    ends = (("at least", limit.lower), ("at most", limit.upper))
    return " and ".join(f"{word} {value:.3f}" for word, value in ends if value is not None)


def _shown(found: Estimate) -> str:
    value, low, high = (f"{round(number, 3) + 0.0:.3f}" for number in (found.value, found.low, found.high))
    return f"{value} (95 % interval {low} to {high}, {found.n} parts)"


def _nothing(limit: LimitSettings) -> str:
    kind = {"escape": "defective", "recall": "defective", "overkill": "good"}.get(limit.metric, "")
    return f"no {kind} parts are held out there" if kind else "too few parts of both kinds are held out there"
