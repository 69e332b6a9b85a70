"""What a running station may be told to do otherwise: degree of automation, shares of parts to answer and to keep."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edge_agent.config import StationConfig
from edge_agent.contracts.verdict import Automation
from edge_agent.decision.sampling import Shares


@dataclass(frozen=True)
class Settings:
    """What may change while the station runs: degree of automation, shares of parts to answer and to keep.

    `least` are the shares of the station's own file: the fleet may ask for more.
    """

    automation: Automation | None
    shares: Shares
    least: Shares

    @classmethod
    def of(cls, config: StationConfig) -> Settings:
        """Return what holds before the fleet has said anything."""
        shares = Shares(config.sampling.audit, config.storage.accept_share, config.sampling.weighted)
        return cls(config.automation, shares, shares)

    def changed(self, message: dict[str, Any]) -> Settings:
        """Return the settings after a `settings` message; what it does not name stays, nonsense is ignored."""
        known = {degree.value for degree in Automation}
        wanted = message.get("automation", self.automation)
        degree = Automation(wanted) if wanted in known else self.automation
        said = {name: message[name] for name in ("audit", "weighted") if name in message}
        valid = {n: max(float(s), getattr(self.least, n)) for n, s in said.items() if _is_share(s)}
        return replace(self, automation=degree, shares=replace(self.shares, **valid))


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and 0.0 <= value <= 1.0
