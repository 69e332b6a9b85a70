"""Limits on metrics: whether the interval proves that one is kept, proves that it is broken, or leaves it open."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from edge_agent.contracts.bounds import LEVEL, more_needed
from trainer.evaluation.rates import Estimate
from trainer.evaluation.settings import LimitSettings

Status = Literal["proven", "measured", "unproven", "violated"]
_KINDS = {"escape": "defective", "recall": "defective", "overkill": "good", "review": "any"}
_PASSING = ("proven", "measured")


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


def name_of(limit: LimitSettings) -> str:
    """Return the metric and its slice, such as `escape on exposure=6`."""
    where = ", ".join(f"{key}={value}" for key, value in sorted(limit.slice.items()))
    return f"{limit.metric} on {where}" if where else limit.metric


def judge_value(limit: LimitSettings, found: Estimate) -> Judgement:
    """Compare an estimate with `lower` and `upper`. A value that is not defined proves nothing."""
    about = name_of(limit)
    wanted = _wanted(limit)
    if math.isnan(found.value):
        return Judgement(about, "value", "unproven", f"insufficient evidence for {about} {wanted}: {_nothing(limit)}")
    inside = _within(limit, found.value, found.value)
    if _within(limit, found.low, found.high):
        status: Status = "proven"
    elif not _touches(limit, found.low, found.high):
        status = "violated"
    else:
        status = "measured" if inside and limit.require == "measured" else "unproven"
    return Judgement(about, "value", status, f"{about} {_shown(found)}, required {wanted}: {_words(status)}")


def missing_parts(limit: LimitSettings, found: Estimate) -> str:
    """Say how many more parts would prove an upper limit of a share if none of them were an event; "" where unknown."""
    share = limit.upper if limit.metric != "recall" else None if limit.lower is None else 1 - limit.lower
    kind = _KINDS.get(limit.metric)
    if kind is None or share is None or share <= 0 or found.events is None or math.isnan(found.value):
        return ""
    events = found.n - found.events if limit.metric == "recall" else found.events
    more = more_needed(events, found.n, share, (1 + LEVEL) / 2)
    return f"{more} more {kind + ' ' if kind != 'any' else ''}parts without one are needed to prove it" if more else ""


def judge_change(limit: LimitSettings, drop: Estimate, former: str) -> Judgement:
    """Compare the loss against the former model, positive = worse, with what is allowed."""
    about, allowed = name_of(limit), limit.change.allowed_drop if limit.change else 0.0
    if math.isnan(drop.value):
        text = f"insufficient evidence for the change of {about} against {former}: {_nothing(limit)}"
        return Judgement(about, "change", "unproven", text)
    if drop.high <= allowed:
        status: Status = "proven"
    elif drop.low > allowed:
        status = "violated"
    else:
        status = "measured" if drop.value <= allowed and limit.require == "measured" else "unproven"
    text = f"{about} against {former}: loss {_shown(drop)}, allowed {allowed:.3f}: {_words(status)}"
    return Judgement(about, "change", status, text)


def _within(limit: LimitSettings, low: float, high: float) -> bool:
    return (limit.lower is None or low >= limit.lower) and (limit.upper is None or high <= limit.upper)


def _touches(limit: LimitSettings, low: float, high: float) -> bool:
    return (limit.lower is None or high >= limit.lower) and (limit.upper is None or low <= limit.upper)


def _wanted(limit: LimitSettings) -> str:
    ends = (("at least", limit.lower), ("at most", limit.upper))
    return " and ".join(f"{word} {value:.3f}" for word, value in ends if value is not None)


def _shown(found: Estimate) -> str:
    return f"{found.value:.3f} (95 % interval {found.low:.3f} to {found.high:.3f}, {found.n} parts)"


def _nothing(limit: LimitSettings) -> str:
    kind = {"escape": "defective", "recall": "defective", "overkill": "good"}.get(limit.metric, "")
    return f"no {kind} parts are held out there" if kind else "too few parts of both kinds are held out there"


def _words(status: Status) -> str:
    known = {"violated": "broken", "measured": "kept as measured, not proven", "proven": "proven"}
    return known.get(status, "insufficient evidence, not proven")
