"""What a recipe says of the search for hyper-parameters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edge_agent.contracts.strict import Strict


class Span(Strict):
    """Numbers from `low` to `high`; `log`: by orders of magnitude, `whole`: integers alone."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


class TunerSettings(Strict):
    """`trials` of other hyper-parameters before the Trainer (0 = none), `parallel` at once, each its own process.

    `search` maps a key (`network.learning_rate`, …; `hparams.…` for an own `build_model`) to `{low, high, log, whole}`
    or to a list of values. The best `metric` wins; `prune` ends trials that are worse than the median of the others. No
    trial begins after `minutes`, none takes longer than `trial_minutes` (0 = no limit).
    """

    trials: Annotated[int, Field(ge=0)] = 0
    parallel: Annotated[int, Field(ge=1)] = 1
    search: dict[str, Span | tuple[bool | int | float | str, ...]] = {}
    metric: Literal["auroc", "loss"] = "auroc"
    prune: bool = True
    seed: int = 1
    minutes: Annotated[float, Field(ge=0)] = 0.0
    trial_minutes: Annotated[float, Field(ge=0)] = 0.0
