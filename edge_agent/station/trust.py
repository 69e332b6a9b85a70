"""How far the machine is trusted, for people: degree of automation, challenge parts, and the audit's questions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from edge_agent.automation import steps
from edge_agent.challenge import record
from edge_agent.challenge.board import board, checked_name
from edge_agent.channel import Channel
from edge_agent.clock import Clock
from edge_agent.config import StationConfig
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.verdict import Automation, Verdict
from edge_agent.decision.automation import LADDER, rank
from edge_agent.decision.challenge import Moment, due
from edge_agent.journal import reviews
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Journal
from edge_agent.station.desk import checked_label
from edge_agent.station.errors import Refused
from edge_agent.station.models import Bundles

_AUDITS = 50
_AGE = 100_000
"""Drawn parts older than this many parts are not asked about any more."""


@dataclass(frozen=True)
class Trust:
    """Reads and changes the journal, and tells the hot process to look. `lock`: the turns at the database."""

    database: Database
    boot: UUID
    bundles: Bundles
    config: StationConfig
    channel: Channel
    clock: Clock
    lock: threading.Lock

    def automation(self) -> dict[str, Any]:
        """Return degree, evidence, what is missing for the next, the lower degrees and the last changes."""
        with self.lock:
            try:
                found = steps.standing(self.database, self.bundles.active(), self.config.promotion)
            except Rejected as error:
                return {"degree": None, "words": str(error)}
            lower = [degree.value for degree in LADDER if rank(degree) < rank(found.last.after)]
            gate, evidence = self.config.promotion.gate, found.prospect.evidence
            drawn = evidence.answered + evidence.unanswered
            too_many = evidence.unanswered > gate.unanswered * drawn
            more = {"lower": lower, "words": "", "parts_min": gate.parts, "too_many_unanswered": too_many}
            return {**found.plain(self.database), **more}

    def promote(self, who: str, why: str) -> dict[str, Any]:
        """Go one step up. Raises Refused with what is missing."""
        with self._moving():
            bundle = self.bundles.active()
            change = steps.promote(
                self.database, self.boot, bundle, self.config.promotion, who, why, self.clock.wall_ms()
            )
        return {"before": change.before.value, "after": change.after.value}

    def lower_to(self, after: Automation, who: str, why: str) -> dict[str, Any]:
        """Let the machine decide less. Raises Refused for a degree that is not lower."""
        with self._moving():
            change = steps.lower_to(self.database, self.boot, after, who, why, self.clock.wall_ms())
        return {"before": change.before.value, "after": change.after.value}

    def challenge(self) -> dict[str, Any]:
        """Return the challenge parts and which of them must be presented now, what was started, and the lock."""
        with self.lock:
            found = board(self.database, self.config.challenge)
            waiting = self._due()
        parts = [{**part, "due": part["name"] in waiting} for part in found["parts"]]
        return {**found, "parts": parts}

    def _due(self) -> frozenset[str]:
        """Return the names of the challenge parts that must be presented now."""
        config, bundle = self.config.challenge, self.bundles.active()
        if config is None or bundle is None:
            return frozenset()
        last, now = int(self.database.rows("last_part")[0][0]), self.clock
        moment = Moment(last, str(self.boot), bundle, now.monotonic(), now.wall_ms())
        return frozenset(name for name, _ in due(config.names, record.passes(self.database), moment, config.schedule))

    def start(self, name: str, cancel: bool) -> dict[str, Any]:
        """Take the next triggered part for a challenge part, or not after all."""
        with self._moving():
            if cancel:
                record.disarm(self.database)
            else:
                record.arm(self.database, checked_name(self.config.challenge, name))
        return {"started": "" if cancel else name}

    def unlock(self, who: str, why: str) -> dict[str, Any]:
        """Lift the lock. Raises Refused where there is none."""
        with self._moving():
            lifted = record.unlock(self.database, self.boot, who, why, self.clock.wall_ms())
        return {"unlocked": lifted.name}

    def audits(self) -> list[dict[str, Any]]:
        """Return drawn parts that nobody has answered for, the newest first, without the machine's opinion."""
        with self.lock:
            since = int(self.database.rows("last_part")[0][0]) - _AGE
            rows = self.database.rows("audits_waiting", since=since, limit=_AUDITS)
        found = []
        for part, serial, image, decided_ms, bundle in rows:
            manifest = self.bundles.manifest(bundle)
            defects = list(manifest.recipe.labels.defects) if manifest else []
            found.append({"part": part, "serial": serial, "image": image, "at_ms": decided_ms, "defects": defects})
        return found

    def answer(self, part: int, who: str, verdict: Verdict, label: str) -> dict[str, Any]:
        """Take a person's word on a drawn part; it moves no gate, but may lower the degree."""
        with self._moving():
            if self.database.row("part_sample", part=part) is None:
                raise Refused(404, "no-audit", f"part {part} was not drawn for an audit; reload the page")
            journal = Journal(self.database, self.boot)
            label = checked_label(verdict, label, self.bundles.manifest(journal.part(part).bundle))
            outcome = reviews.answer_audit(journal, part, who, verdict, label, self.clock.wall_ms())
            change = steps.demote_by_evidence(
                self.database, self.boot, self.bundles.active(), self.config.promotion, self.clock.wall_ms()
            )
        return {"outcome": outcome.value, "demoted": change.after.value if change else None}

    @contextmanager
    def _moving(self) -> Iterator[None]:
        """Change something, then have the hot process look; what cannot be done is refused."""
        try:
            with self.lock:
                yield
        except (Rejected, ConfigError) as error:
            raise Refused(409, "not-now", str(error)) from error
        self.channel.send({"to": "hot", "kind": "look"})
