"""What a station asks before its machine decides more (`promotion` in station.yaml)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edge_agent.contracts.strict import Strict
from edge_agent.contracts.verdict import Automation
from edge_agent.decision.promotion import Gate

Share = Annotated[float, Field(ge=0, lt=1)]


class SamplingConfig(Strict):
    """Shares of parts for which people answer afterwards (docs/automation.md); the fleet may ask for more.

    `audit`: of all judged parts, drawn whatever their score; `weighted`: of accepted ones, with a probability that
    rises with the score, to this at the accept threshold.
    """

    audit: Annotated[float, Field(ge=0, le=1)] = 0.0
    weighted: Annotated[float, Field(ge=0, le=1)] = 0.0


class PromotionConfig(Strict):
    """What must be proven with `confidence` before the machine decides more (docs/automation.md).

    Of the parts of which it is sure, people agree on `agreement_min`; of those it accepts at most `escape_max` are
    defective; of the good ones it rejects at most `overkill_max`. Evidence are the last `evidence_parts` parts of the
    model in use, at least `parts_min` of them answered; at most `unanswered_max` of the drawn ones may lack an answer.
    `demote_to` is where the station goes by itself.
    """

    agreement_min: Annotated[float, Field(gt=0, lt=1)] = 0.95
    escape_max: Annotated[float, Field(gt=0, lt=1)] = 0.01
    overkill_max: Annotated[float, Field(gt=0, lt=1)] = 0.05
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    parts_min: Annotated[int, Field(ge=1)] = 300
    unanswered_max: Share = 0.1
    evidence_parts: Annotated[int, Field(ge=1)] = 100_000
    demote_to: Literal[Automation.HUMAN, Automation.SHADOW, Automation.ASSIST] = Automation.ASSIST

    @property
    def gate(self) -> Gate:
        """The same as the rules read it."""
        return Gate(
            self.agreement_min,
            self.escape_max,
            self.overkill_max,
            self.confidence,
            self.parts_min,
            self.unanswered_max,
        )
