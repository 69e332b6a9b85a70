"""Blind questions at the page: a second look at what somebody else decided, and pictures whose answer is known.

They come to one person at a time, among the real parts and looking like them, after an answer of that person. The page
names them by negative numbers; what is said of them moves nothing.
"""

from __future__ import annotations

import logging
import random
import threading
from uuid import UUID

from edge_agent.clock import Clock
from edge_agent.config import ChecksConfig
from edge_agent.contracts.errors import LinesideError
from edge_agent.contracts.recipe import Crop
from edge_agent.contracts.verdict import ABOUT_ID, Automation, Verdict
from edge_agent.decision.checking import Question, borrowed_name, delay_s, next_question
from edge_agent.home import Home
from edge_agent.journal import checks
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Journal, PartRow
from edge_agent.journal.reviews import Outcome, held_until
from edge_agent.station.desk import Waiting, checked_label, never_waited
from edge_agent.station.errors import Refused
from edge_agent.station.known import KnownParts
from edge_agent.station.models import Bundles
from edge_agent.station.pictures import find_picture
from edge_agent.station.prediction import Predictor

_BUDGET_S = 30.0
_log = logging.getLogger("lineside.station")


class Checks:
    """Puts questions and takes the answers; safe to call from several threads."""

    def __init__(
        self, home: Home, boot: UUID, rules: ChecksConfig, bundles: Bundles, predictor: Predictor, clock: Clock,
        draws: random.Random,
    ) -> None:  # fmt: skip
        self._home = home
        self._journal = Journal(Database(home.journal), boot)
        self._boot = str(boot)
        self._rules = rules
        self._bundles = bundles
        self._predictor = predictor
        self._clock = clock
        self._draws = draws
        self._known = KnownParts(home.known)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.database.close()

    def waiting(self, operator: str) -> list[Waiting]:
        """Return what is shown to a person now, as the parts of the queue are."""
        if not operator:
            return []
        now = self._clock.monotonic()
        with self._lock:
            shown = checks.shown(self._journal.database, operator, self._boot, now)
        return [self._card(item, now) for item in shown if item.from_mono <= now]

    def _card(self, item: checks.Shown, now: float) -> Waiting:
        active = self._bundles.active_manifest()
        return Waiting(
            part=-item.id,
            serial=item.serial,
            score=item.score,
            label=item.label,
            remaining_s=round(item.until_mono - now, 3),
            budget_s=item.until_mono - item.from_mono,
            image=item.image,
            heatmap=f"/api/parts/{-item.id}/heatmap" if item.has_heatmap else None,
            peak=item.peak,
            crop=(active[1].recipe.camera.crop if active else Crop()).corners,
        )

    def heatmap(self, part: int, operator: str) -> bytes | None:
        """Return the heatmap of a question to this person."""
        with self._lock:
            return checks.heatmap(self._journal.database, -part, operator)

    def answer(self, part: int, operator: str, verdict: Verdict, label: str, undo_s: float) -> tuple[Outcome, float]:
        """Take an answer; returns what the page is told, which is the same as for a part."""
        active = self._bundles.active_manifest()
        label = checked_label(verdict, label, active[1] if active else None)
        now_ms, now = self._clock.wall_ms(), self._clock.monotonic()
        with self._lock:
            self._check_asked(part, operator)
            ends = {
                -item.id: item.until_mono for item in checks.shown(self._journal.database, operator, self._boot, now)
            }
            to = (operator, self._boot)
            if not checks.answer(self._journal.database, -part, to, (verdict, label), (now_ms, now)):
                return Outcome.LATE, 0.0
        until = held_until(now, undo_s, ends[part])
        return (Outcome.HELD, until - now) if until is not None else (Outcome.DECIDED, 0.0)

    def withdraw(self, part: int, operator: str, undo_s: float) -> bool:
        """Take an answer back that is no older than `undo_s` seconds; False where the time for that is over."""
        now = self._clock.monotonic()
        with self._lock:
            self._check_asked(part, operator)
            return checks.withdraw(self._journal.database, -part, (operator, self._boot), now - undo_s, now)

    def _check_asked(self, part: int, operator: str) -> None:
        if not checks.is_for(self._journal.database, -part, operator):
            raise never_waited(part)

    def after(self, operator: str, part: PartRow, automation: Automation | None) -> None:
        """Draw what the answer of a person brings about; `part` is what was answered, as it was before."""
        rules = self._rules
        if not (rules.second_share or rules.known_share):
            return
        with self._lock:
            try:
                if part.image and part.reason not in ABOUT_ID and self._draws.random() < rules.second_share:
                    checks.draw_second(self._journal.database, part, operator, self._clock.wall_ms())
                self._ask(operator, part, automation)
            except (LinesideError, OSError) as error:
                _log.warning("no blind question could be put: %s", error)

    def _ask(self, operator: str, part: PartRow, automation: Automation | None) -> None:
        database, now = self._journal.database, self._clock.monotonic()
        rules, known = self._rules, self._known.all()
        second = self._second(operator) if rules.second_share else None
        busy = bool(checks.shown(database, operator, self._boot, now))
        question = next_question(self._draws.random(), rules.known_share, bool(known), second is not None, busy)
        if question is Question.SECOND and second is not None:
            checks.show_second(database, second, self._showing(operator, part))
        elif question is Question.KNOWN:
            chosen = self._draws.choice(known)
            path, _ = find_picture(self._home.known, chosen.digest)
            opinion = self._predictor.opinion(path.read_bytes(), automation)
            showing, now_ms = self._showing(operator, part), self._clock.wall_ms()
            checks.show_known(database, chosen.digest, chosen.verdict, opinion, showing, now_ms)

    def _second(self, operator: str) -> int | None:
        """Return a drawn part that this person may be asked about; those whose picture is gone are forgotten."""
        before_ms = self._clock.wall_ms() - int(self._rules.second_after_s * 1000)
        while (found := checks.next_second(self._journal.database, operator, before_ms)) is not None:
            try:
                find_picture(self._home.images, found[1])
            except Refused:
                checks.drop(self._journal.database, found[0])
                continue
            return found[0]
        return None

    def _showing(self, operator: str, part: PartRow) -> checks.Showing:
        active = self._bundles.active_manifest()
        budget = active[1].recipe.review_deadline_ms / 1000 if active else _BUDGET_S
        start = self._clock.monotonic() + delay_s(self._draws.random())
        name = borrowed_name(part.serial, part.id, self._draws.random())
        return checks.Showing(operator, name, self._boot, start, start + budget)
