"""Which parts people answer for measuring, which pictures are kept, and which are sent to be labelled. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

from edge_agent.contracts.bundle import ThresholdPair
from edge_agent.contracts.verdict import Automation, Verdict
from edge_agent.decision.automation import ALWAYS_A_PERSON

_HARD_SHARE = 0.5
_HELD_OUT = 0.5
"""Of the uniform audit, what never trains: a model is not measured by what it was shown."""


class PictureClass(IntEnum):
    """What a picture is kept for; the highest number is dropped first when the quota is reached."""

    REVIEW = 0
    REJECT = 1
    HARD = 2
    AUDIT = 3
    ACCEPT = 4


class Scheme(str, Enum):
    """How a part came to be answered: as all are, by a uniform draw, or by one that prefers high scores."""

    ALL = "all"
    UNIFORM = "uniform"
    WEIGHTED = "weighted"


@dataclass(frozen=True)
class Shares:
    """Shares 0..1: of judged parts for the uniform audit, of accepts to keep, and the weighted audit's highest."""

    audit: float = 0.0
    keep: float = 0.0
    weighted: float = 0.0


@dataclass(frozen=True)
class Sampled:
    """A part in the sample: the machine's opinion, the probability of being in it, and whether it may train."""

    opinion: Verdict
    scheme: Scheme
    probability: float
    training: bool


@dataclass(frozen=True)
class Keep:
    """Keep the picture: as what, whether the fleet gets it, and the probability with which it was drawn."""

    kind: PictureClass
    upload: bool
    probability: float


def inclusion(score: float, thresholds: ThresholdPair, shares: Shares) -> float:
    """Return the probability with which an accepted part is in either audit.

    The weighted one takes a part with a probability that rises with its score, to `shares.weighted` at the threshold.
    """
    weight = shares.weighted * min(1.0, score / thresholds.accept_below) if thresholds.accept_below > 0 else 0.0
    return shares.audit + (1.0 - shares.audit) * max(0.0, weight)


def sampled(
    opinion: Verdict, score: float, thresholds: ThresholdPair, automation: Automation, shares: Shares, draw: float
) -> Sampled | None:
    """Return how a judged part is in the sample, None where it is not; one `draw` in [0, 1) decides all.

    The uniform audit takes every opinion alike, so that it is a small picture of the whole line. Half of it is for
    measuring only. Below `partial` all parts are answered and the same draw holds the same half out.
    """
    training = draw >= shares.audit * _HELD_OUT
    if automation in ALWAYS_A_PERSON:
        return Sampled(opinion, Scheme.ALL, 1.0, training)
    if draw < shares.audit:
        return Sampled(opinion, Scheme.UNIFORM, shares.audit, training)
    if opinion is Verdict.ACCEPT and draw < (chance := inclusion(score, thresholds, shares)):
        return Sampled(opinion, Scheme.WEIGHTED, chance, True)
    return None


def pictures_to_keep(
    verdict: Verdict,
    score: float | None,
    thresholds: ThresholdPair,
    shares: Shares,
    draw: float,
    drawn: Sampled | None = None,
) -> Keep | None:
    """Return what to do with a part's picture, None to drop it; `draw` and `drawn` as for and from `sampled`.

    An accepted part whose score lies in the upper half below the accept threshold is a hard one. Of the other accepted
    ones a random share is merely kept.
    """
    if verdict is Verdict.REVIEW:
        return Keep(PictureClass.REVIEW, True, 1.0)
    if verdict is Verdict.REJECT:
        return Keep(PictureClass.REJECT, drawn is not None, 1.0)
    if drawn is not None:
        return Keep(PictureClass.AUDIT, True, drawn.probability)
    if score is not None and score >= _HARD_SHARE * thresholds.accept_below:
        return Keep(PictureClass.HARD, False, 1.0)
    beyond = inclusion(score, thresholds, shares) if score is not None else shares.audit
    return Keep(PictureClass.ACCEPT, False, shares.keep) if draw < beyond + shares.keep else None
