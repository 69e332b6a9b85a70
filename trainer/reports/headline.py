"""What a run's page says first: may this model ship, why not, and what does it let through. Rules only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from trainer.evaluation.released import Override

Tone = Literal["good", "warn", "bad"]


@dataclass(frozen=True)
class Headline:
    """`chip` is one or two words, `title` a sentence, `passes` what defective parts may pass, `burden` what becomes of
    good ones; `against` and `lacking` are lines: why the model must not ship, and what was not proven."""

    tone: Tone
    chip: str
    title: str
    passes: str = ""
    against: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    burden: str = ""


@dataclass(frozen=True)
class Refusals:
    """Reasons by who has them: the data's validation, the evaluation, the edge runtime."""

    data: Sequence[str] = ()
    evaluation: Sequence[str] = ()
    runtime: Sequence[str] = ()


def headline(metrics: Mapping[str, Any] | None, refusals: Refusals, override: Override | None) -> Headline:
    """Return what the page begins with; `metrics` is None where no model was evaluated."""
    if refusals.data:
        title = "Nothing was trained: the data did not pass its validation."
        return Headline("bad", "stopped", title, against=tuple(refusals.data))
    if metrics is None:
        return Headline("warn", "not evaluated", "No model was judged in this run.")
    passes, lacking, burden = what_passes(metrics), what_lacks(metrics), what_it_costs(metrics)
    against = (*refusals.evaluation, *(f"edge runtime: {reason}" for reason in refusals.runtime))
    if override is not None and not refusals.runtime:
        title = f"It ships because {override.by} released it."
        return Headline("warn", f"released by {override.by}", title, passes, override.refused, lacking, burden)
    if against:
        return Headline("bad", "not blessed", _refused(against), passes, against, lacking, burden)
    title = "This model may ship." if not lacking else "This model may ship; not all of it is proven."
    return Headline("good", "blessed", title, passes, (), lacking, burden)


def _refused(against: Sequence[str]) -> str:
    if all("needed" in text for text in against):
        return "This model must not ship yet: too few parts were tested."
    return "This model must not ship."


def what_passes(metrics: Mapping[str, Any]) -> str:
    """Say in parts of a thousand what may pass unseen, and what the recipe allows."""
    found = metrics["evidence"]
    events, n, allowed = found["escapes"], found["defective"], _of_thousand(found["target"])
    if not n:
        return f"No defective part was tested: nothing is known of what passes. The recipe allows {allowed} of 1,000."
    tested = f"{events} of {n} defective test parts passed"
    most = _of_thousand(found["upper"], up=True)
    if found["status"] == "violated":
        return f"{tested}: more than the recipe allows, which is {allowed}."
    sure = f"with {100 * found['confidence']:g} % confidence"
    return f"Of 1,000 defective parts at most {most} pass unseen, {sure} ({tested}). The recipe allows {allowed}."


def what_it_costs(metrics: Mapping[str, Any]) -> str:
    """Say in parts of a thousand how many good ones are rejected, and how many a person sees."""
    overkill, review = metrics["inspection"]["overkill"], metrics["inspection"]["review"]
    if overkill["value"] is None or review["value"] is None:
        return ""
    ends = f"{_of_thousand(overkill['low'])} to {_of_thousand(overkill['high'], up=True)}"
    rejected = f"Of 1,000 good parts it rejects {_of_thousand(overkill['value'])} (95 % interval {ends})"
    return f"{rejected}; a person looks at {_of_thousand(review['value'])} of 1,000 tested parts."


def what_lacks(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what was neither proven nor refused, with the parts that a proof takes."""
    found = metrics["evidence"]
    lines = []
    if found["status"] == "insufficient" and found["missing"]:
        lines.append(
            f"the escape rate of the recipe: {found['missing']} more defective test parts, none accepted, are needed"
        )
    lines += [one["text"] for one in metrics["limits"] if one["passed"] and one["status"] != "proven"]
    if metrics["thresholds"]["evidence"] != "bound":
        lines.append(f"the thresholds were chosen for caution: {metrics['thresholds']['note']}")
    return tuple(lines)


def _of_thousand(share: float, up: bool = False) -> str:
    """Return a share as parts of a thousand; one that is the worst that may be is rounded `up`.

    >>> _of_thousand(0.2501, up=True), _of_thousand(0.0005), _of_thousand(0.02), _of_thousand(0.00331, up=True)
    ('251', '0.5', '20', '3.4')
    """
    many = 1000 * share
    if 0 < many < 10:
        step = 10.0 ** (math.floor(math.log10(many)) - 1)
        return f"{math.ceil(round(many / step, 6)) * step if up else many:.2g}"
    whole = round(many, 6)
    return str(math.ceil(whole) if up else round(whole))
