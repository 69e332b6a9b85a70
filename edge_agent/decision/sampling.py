"""Which pictures are kept, in which class of the quota ring, and which are sent to be labelled."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from edge_agent.contracts.bundle import ThresholdPair
from edge_agent.contracts.verdict import Verdict

_HARD_SHARE = 0.5


class PictureClass(IntEnum):
    """What a picture is kept for; the highest number is dropped first when the quota is reached."""

    REVIEW = 0
    REJECT = 1
    HARD = 2
    AUDIT = 3
    ACCEPT = 4


@dataclass(frozen=True)
class Keep:
    """Keep the picture: as what, whether the fleet gets it, and the probability with which it was drawn."""

    kind: PictureClass
    upload: bool
    probability: float


def pictures_to_keep(
    verdict: Verdict,
    score: float | None,
    thresholds: ThresholdPair,
    shares: tuple[float, float],
    draw: float,
) -> Keep | None:
    """Return what to do with a part's picture, None to drop it.

    `shares` are the shares of accepted parts that are drawn for labelling and, beyond those, merely kept; one `draw`
    in [0, 1) decides both, so an audited part's probability is exactly the first share. An accepted part whose score
    lies in the upper half below the accept threshold is a hard one.
    """
    if verdict is Verdict.REVIEW:
        return Keep(PictureClass.REVIEW, True, 1.0)
    if verdict is Verdict.REJECT:
        return Keep(PictureClass.REJECT, False, 1.0)
    audit, keep = shares
    if draw < audit:
        return Keep(PictureClass.AUDIT, True, audit)
    if score is not None and score >= _HARD_SHARE * thresholds.accept_below:
        return Keep(PictureClass.HARD, False, 1.0)
    return Keep(PictureClass.ACCEPT, False, keep) if draw < audit + keep else None
