"""Canary by share of parts: which parts the challenger decides with the champion, and what the two make of one.

No I/O, no clock. Why it is so: docs/adr/011-canary-by-parts.md.
"""

from __future__ import annotations

from enum import Enum

from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.verdict import Verdict


class Outcome(str, Enum):
    """What became of a part that was drawn for the challenger.

    `DECIDED`: by the challenger, as far as the champion allows it; `LATE`: it had no answer in its time, and `FAILED`:
    it has none, so the champion decided alone.
    """

    DECIDED = "decided"
    LATE = "late"
    FAILED = "failed"


def drawn(share: float, draw: float) -> bool:
    """Return whether the challenger decides the part; `draw` is uniform in [0, 1).

    >>> drawn(0.05, 0.049), drawn(0.05, 0.05), drawn(0.0, 0.0)
    (True, False, False)
    """
    return draw < share


def joint(challenger: Verdict, champion: Verdict) -> Verdict:
    """Return what the machine thinks of a part that the challenger decides; review means that a person is asked.

    The challenger's word holds, but it cannot accept what the champion would not, nor reject what the champion would
    accept: then the two contradict each other and the machine is unsure. So no part is accepted by a machine that the
    champion alone would have stopped.
    """
    if challenger is Verdict.ACCEPT:
        return Verdict.ACCEPT if champion is Verdict.ACCEPT else Verdict.REVIEW
    if challenger is Verdict.REJECT:
        return Verdict.REVIEW if champion is Verdict.ACCEPT else Verdict.REJECT
    return Verdict.REVIEW


def answer_until(now: float, deadline: float) -> float:
    """Return until when the challenger may answer: half of the time that the champion has left of the part's.

    >>> answer_until(10.0, 11.0), answer_until(12.0, 11.0)
    (10.5, 12.0)
    """
    return now + max(0.0, deadline - now) / 2


def unlike(champion: Recipe, challenger: Recipe) -> str:
    """Return why a challenger cannot decide parts that are made and shown for the champion; "" where it can.

    Product, classes, number of views and the camera's settings must be the same; what the model makes of the picture
    (crop, size) is its own affair.
    """
    for what, one, other in (
        ("product", champion.name, challenger.name),
        ("labels", champion.labels, challenger.labels),
        ("number of views", champion.views.count, challenger.views.count),
        ("camera settings", _settings(champion), _settings(challenger)),
    ):
        if one != other:
            return f"its recipe has another {what} than the one in use; a share of the parts cannot be given to it"
    return ""


def _settings(recipe: Recipe) -> tuple[object, ...]:
    return recipe.camera.exposure_us, recipe.camera.gain_db
