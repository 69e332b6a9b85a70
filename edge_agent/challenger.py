"""A second model that judges the same parts beside the champion, and, where it is told to, decides a share of them.

Of the other parts it says what it thinks whenever no part waits: that goes into the journal, next to the champion's
verdict, and moves nothing. A part that came too soon after the one before is skipped and counted.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import NamedTuple

from edge_agent.clock import Clock
from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.verdict import Automation, Reason
from edge_agent.decision.automation import permitted
from edge_agent.decision.canary import Outcome, answer_until, drawn, joint, unlike
from edge_agent.decision.verdict import Ruling, opinion
from edge_agent.hearing import Hearing, looked_at, opinion_of
from edge_agent.inference.champion import Model
from edge_agent.inspection import Finding
from edge_agent.journal.facts import Decision, Drawn, SecondOpinion
from edge_agent.journal.journal import Journal

SKIPPED = "challenger.skipped"
_OF_THE_PART = (Reason.MODEL, Reason.UNSURE)
"""Reasons of verdicts that speak of the part; nothing else is drawn for the challenger."""

_log = logging.getLogger("lineside.challenger")


class _Pending(NamedTuple):
    part: int
    finding: Finding


class Decided(NamedTuple):
    """What is known of a part, and the model that decides it; `drawn` where that was left to chance."""

    finding: Finding
    model: Model
    drawn: Drawn | None = None

    def signed(self, decision: Decision) -> Decision:
        """Return the decision under the name of who made it."""
        return decision if self.drawn is None else decision._replace(bundle=self.model.bundle, canary=self.drawn)


class Challenger:
    """Holds the challenger's model, None while there is none.

    `wanted` is the bundle that shall be it, `share` the probability with which it decides a part (0: none). `pressed`
    says whether another part waits: then nobody waits for the challenger.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        draws: random.Random | None = None,
        pressed: Callable[[], bool] = lambda: False,
    ) -> None:
        self.model: Model | None = None
        self.wanted: str | None = None
        self.share = 0.0
        self._journal, self._clock = journal, clock
        self._draws, self._pressed = draws or random.Random(), pressed
        self._pending: _Pending | None = None
        self._late: Hearing | None = None
        self._heard = 0

    def want(self, bundle: str | None, share: float = 0.0) -> bool:
        """Take note of the bundle that shall judge beside the champion; True where it has to be loaded first."""
        self.share = share if bundle is not None else 0.0
        if bundle == self.wanted:
            return False
        self.model, self._pending, self._late, self.wanted = None, None, None, bundle
        return bundle is not None

    def take(self, model: Model) -> None:
        """Let `model` judge from the next part on."""
        self.model = model

    def loaded(self, bundle: str) -> Model | None:
        """Return a bundle's model if it is the challenger in memory."""
        return self.model if self.model is not None and self.model.bundle == bundle else None

    def _beside(self, champion: Model) -> Model | None:
        """Return the model, None while there is none and while another product is made than it is for."""
        model = self.model
        return model if model is not None and model.manifest.name == champion.manifest.name else None

    def decide(self, part: int, finding: Finding, champion: Model, degree: Automation, deadline: float) -> Decided:
        """Return who decides a part that the champion has looked at, and what is then known of it.

        The challenger decides its share; where it is late or fails, the champion's word holds. `deadline` is the
        part's, monotonic.
        """
        alone, model = Decided(finding, champion), self._beside(champion)
        if model is None or self.share <= 0.0 or finding.score is None or finding.ruling.reason not in _OF_THE_PART:
            return alone
        if not drawn(self.share, self._draws.random()) or unlike(champion.recipe, model.recipe):
            return alone
        heard = self._hear(part, finding, model, deadline)
        second = heard.opinion if heard is not None else None
        thought = opinion(finding.score, champion.thresholds)
        champions = (champion.bundle, thought, finding.score, finding.label)
        note = Drawn(model.bundle, self.share, _outcome(second), *champions, second)
        if heard is None or heard.finding is None or note.outcome is not Outcome.DECIDED:
            return alone._replace(drawn=note)
        ruling = Ruling(*permitted(joint(heard.opinion.verdict, thought), degree))
        return Decided(heard.finding._replace(ruling=ruling, features=finding.features), model, note)

    def _hear(self, part: int, finding: Finding, model: Model, deadline: float) -> Hearing | None:
        """Return the challenger's look at a part, None where there is no time for it or it takes longer."""
        if self._pressed() or not self._settled():
            return None
        now, self._heard = self._clock.monotonic(), part
        hearing = Hearing(part, [view.frame for view in finding.views], model, self._clock)
        if hearing.wait(answer_until(now, deadline) - now, self._pressed):
            return hearing
        self._late = hearing
        return None

    def _settled(self) -> bool:
        """Write down what came too late to count; False while it has not come at all."""
        late = self._late
        if late is None:
            return True
        if not late.wait(0.0):
            return False
        self._late = None
        self._write(lambda: self._journal.second_opinion(late.part, late.opinion))
        return True

    def offer(self, part: int, finding: Finding, champion: Model) -> None:
        """Remember a part of the challenger's product that the champion has judged by its pictures and it not yet."""
        if self._beside(champion) is None or part == self._heard or not any(view.inference for view in finding.views):
            return
        if self._pending is not None:
            self._write(lambda: self._journal.raise_tally(SKIPPED))
        self._pending = _Pending(part, finding)

    def judge(self) -> bool:
        """Judge the part that waits for a second opinion; False where none does."""
        pending, model = self._pending, self.model
        if not self._settled() or pending is None or model is None:
            return False
        self._pending = None
        found = looked_at([view.frame for view in pending.finding.views], model, self._clock)
        self._write(lambda: self._journal.second_opinion(pending.part, opinion_of(model, found)))
        return True

    def _write(self, statement: Callable[[], None]) -> None:
        try:
            statement()
        except Unavailable as error:
            _log.warning("the challenger's opinion is not written down: %s", error)


def _outcome(second: SecondOpinion | None) -> Outcome:
    if second is None:
        return Outcome.LATE
    return Outcome.DECIDED if second.reason in _OF_THE_PART else Outcome.FAILED
