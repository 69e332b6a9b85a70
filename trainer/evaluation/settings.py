"""What the Evaluator is asked for, as it stands in a recipe's file: costs and limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edge_agent.contracts.strict import Strict

Amount = Annotated[float, Field(ge=0)]
Metric = Literal["part_auroc", "escape", "overkill", "review", "recall", "cost"]


class CostSettings(Strict):
    """What it costs, in any unit, when a defective part is accepted (`escape`), a good one rejected (`overkill`), and
    when a person looks at one (`review`). `defective_share` is the share of defective parts in production; without it
    that of the held-out parts is taken, which is mostly far higher.
    """

    escape: Amount = 100.0
    overkill: Amount = 5.0
    review: Amount = 1.0
    defective_share: Annotated[float, Field(ge=0, le=1)] | None = None


class ChangeSettings(Strict):
    """How much worse than the latest blessed model the metric may be."""

    allowed_drop: Amount = 0.0


class LimitSettings(Strict):
    """What a metric must keep: at least `lower`, at most `upper`, or hardly worse than the latest blessed (`change`).

    The 95 % interval decides; `require` says what else may go on where it reaches over the limit: nothing (`proven`),
    a value on the right side (`measured`), or all but a loss beyond chance (`unbroken`). `slice` names the parts it is
    about, such as `{exposure: "6"}`.
    """

    metric: Metric
    lower: float | None = None
    upper: float | None = None
    change: ChangeSettings | None = None
    slice: dict[str, str] = {}
    require: Literal["proven", "measured", "unbroken"] = "proven"

    @model_validator(mode="after")
    def _limits_something(self) -> LimitSettings:
        if self.lower is None and self.upper is None and self.change is None:
            raise ValueError("it limits nothing; give lower, upper or change")
        ends = [end for end in (self.lower, self.upper) if end is not None]
        if self.metric != "cost" and any(not 0 <= end <= 1 for end in ends):
            raise ValueError(f"{self.metric} lies from 0 to 1, so that this limits nothing or everything; 5 % is 0.05")
        if ends != sorted(ends):
            raise ValueError("nothing is at least lower and at most upper; exchange them")
        return self


class EvaluatorSettings(Strict):
    """How models are judged: `cost` chooses the thresholds of least cost within the recipe's bound; each of
    `thresholds` may refuse the model. A slice with fewer parts than `slice_parts_min` is shown and not judged.
    """

    cost: CostSettings | None = None
    thresholds: tuple[LimitSettings, ...] = ()
    slice_parts_min: Annotated[int, Field(ge=1)] = 10
