"""What a recipe says of the place where Beam computes."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from edge_agent.contracts.strict import Strict


class BeamSettings(Strict):
    """Where Beam computes what is large: `runner`, and `options` by Beam's own names (docs/scale.md).

    "" = in memory, and on `direct` what does not fit there. It changes where, and never what: no result depends on it.
    """

    runner: Literal["", "direct", "flink", "spark", "dataflow"] = ""
    options: dict[str, bool | int | float | str | tuple[str, ...]] = {}

    @model_validator(mode="after")
    def _complete(self) -> BeamSettings:
        of_google, of_others = ("project", "region", "temp_location"), ("job_endpoint",)
        wanted = {"flink": of_others, "spark": of_others, "dataflow": of_google}.get(self.runner, ())
        missing = [name for name in wanted if not self.options.get(name)]
        if missing:
            raise ValueError(f"runner {self.runner} needs the option '{missing[0]}'")
        return self
