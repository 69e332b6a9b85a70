"""What is done with a part beyond its verdict: whether people answer for it, and what becomes of its picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.verdict import ABOUT_ID, Automation, Reason, Verdict
from edge_agent.decision.sampling import Keep, Sampled, Shares, pictures_to_keep, sampled
from edge_agent.decision.verdict import opinion
from edge_agent.inference.champion import Model
from edge_agent.inference.heatmap import encode_png
from edge_agent.inspection import Finding


@dataclass(frozen=True)
class Kept:
    """A picture that is kept: why, and, where it is encoded already, its PNG and the name it will have."""

    why: Keep
    picture: npt.NDArray[np.uint8]
    data: bytes | None = None
    named: str | None = None


@dataclass(frozen=True)
class Chosen:
    """The part's place in the sample, and its picture; either may be None."""

    sample: Sampled | None = None
    kept: Kept | None = None

    @property
    def image(self) -> str | None:
        """Name of the picture where it is known already."""
        return self.kept.named if self.kept is not None else None


def choose(finding: Finding, model: Model, shares: Shares, degree: Automation, draw: float) -> Chosen:
    """Return what is done with a part; one `draw` in [0, 1) decides all.

    A picture by which the machine's own verdict is audited is encoded at once, for the event of its verdict must name
    it; they are few. One that is held for its serial stays here: what a person says of it is no label for a model.
    """
    if finding.picture is None:
        return Chosen()
    ruling, drawn = finding.ruling, None
    if finding.score is not None and ruling.reason in (Reason.MODEL, Reason.UNSURE):
        says = opinion(finding.score, model.thresholds)
        drawn = sampled(says, finding.score, model.thresholds, degree, shares, draw)
    why = pictures_to_keep(ruling.verdict, finding.score, model.thresholds, shares, draw, drawn)
    if why is not None and ruling.reason in ABOUT_ID:
        why = replace(why, upload=False)
    if why is None or drawn is None or ruling.verdict is Verdict.REVIEW:
        return Chosen(drawn, None if why is None else Kept(why, finding.picture))
    data = encode_png(finding.picture)
    return Chosen(drawn, Kept(why, finding.picture, data, digest_bytes(data)))
