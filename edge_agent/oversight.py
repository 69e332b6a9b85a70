"""How far the machine is trusted now: the degree of automation in force, and the challenge parts."""

from __future__ import annotations

from typing import Any

from edge_agent.automation.degree import Degree
from edge_agent.automation.ledger import mistrust
from edge_agent.challenge.watch import Challenges
from edge_agent.channel import Message
from edge_agent.clock import Clock
from edge_agent.config import StationConfig
from edge_agent.contracts.messages import Caution
from edge_agent.contracts.verdict import Automation
from edge_agent.inference.champion import Model
from edge_agent.journal.journal import Journal
from edge_agent.vitals import FAILS


class Oversight:
    """Follows instructions, people's changes and challenges; goes down by itself. One thread uses it."""

    def __init__(self, journal: Journal, clock: Clock, config: StationConfig) -> None:
        self._degree = Degree(journal, clock, config.promotion.demote_to)
        self._word = config.automation or Automation.PARTIAL
        self.challenges = Challenges(journal, clock, config.challenge, self._failed)
        self._caution: Caution | None = None
        self._cautious = ""

    @property
    def mode(self) -> Automation:
        """The degree in force (docs/adr/009-promotion-by-audited-parts.md)."""
        return self._degree.under(self._word)

    def hear(self, message: Message) -> None:
        """Take the fleet's `caution` from a `settings` message; one without it lifts it."""
        said = message.get("caution")
        self._caution = Caution.model_validate(said) if said else None

    def look(self, model: Model | None, told: Automation | None, failing: bool, at_once: bool = False) -> None:
        """Follow what has changed: `told` by the fleet or `station.yaml`, else the recipe's word holds."""
        if model is None:
            self._word = told or self._word
            return
        self._word = told or model.recipe.automation
        self._degree.look(self._word, "recipe" if told is None else "fleet or station.yaml", at_once)
        self.challenges.look(model.bundle, at_once, model.manifest.name)
        if failing:
            self._failed(FAILS)
        self._cautious = mistrust(self._caution, model.bundle)
        if self._cautious:
            self._failed(self._cautious)

    def _failed(self, why: str) -> None:
        self._degree.demote(self._word, why)

    def report(self) -> dict[str, Any]:
        """Return what the page and the fleet are told: mode, why it was lowered, the fleet's caution, challenges."""
        found = self.challenges
        return {
            "mode": self.mode.value,
            "lowered": self._degree.lowered,
            "caution": self._cautious,
            "challenge": found.code,
            "armed": found.armed,
        }
