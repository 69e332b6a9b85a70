"""The pages `/automation`, `/challenge` and `/audit`, and the API behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from pydantic import StringConstraints

from edge_agent.challenge import record
from edge_agent.challenge.board import csv_lines
from edge_agent.contracts.strict import Strict
from edge_agent.contracts.verdict import Automation, Verdict
from edge_agent.decision.challenge import said
from edge_agent.home import Home
from edge_agent.journal.reader import read_journal
from edge_agent.report import page
from edge_agent.station.api import AnswerBody, PartNumber
from edge_agent.station.door import Door
from edge_agent.station.pinbook import Role
from edge_agent.station.places import Places
from edge_agent.station.trust import Trust

_SHOWN = 50
"""So many parts in doubt are on the page; the list as CSV has all."""

Why = Annotated[str, StringConstraints(min_length=3, max_length=300, strip_whitespace=True)]


class WhyBody(Strict):
    """The reason, for the journal."""

    why: Why


class LowerBody(Strict):
    """How far down, and why."""

    degree: Literal[Automation.HUMAN, Automation.SHADOW, Automation.ASSIST, Automation.PARTIAL]
    why: Why


class StartBody(Strict):
    """Which challenge part the next one is; `cancel`: none after all."""

    part: Annotated[str, StringConstraints(max_length=60)]
    cancel: bool = False


@dataclass(frozen=True)
class TrustPages:
    """Everybody may look, answer audits and lower the degree; a supervisor promotes and unlocks."""

    home: Home
    door: Door
    trust: Trust
    places: Places

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["station"])
        for path, show in (
            ("/automation", self.automation_page),
            ("/challenge", self.challenge_page),
            ("/audit", self.audit_page),
            ("/challenge/suspects.csv", self.suspects),
        ):
            router.add_api_route(path, show, methods=["GET"], response_model=None, include_in_schema=False)
        for path, handler, method in (
            ("/api/automation", self.automation, "GET"),
            ("/api/automation/promote", self.promote, "POST"),
            ("/api/automation/lower", self.lower, "POST"),
            ("/api/challenge", self.challenge, "GET"),
            ("/api/challenge/start", self.start, "POST"),
            ("/api/challenge/unlock", self.unlock, "POST"),
            ("/api/audits", self.audits, "GET"),
            ("/api/audits/{part}", self.answer, "POST"),
        ):
            router.add_api_route(path, handler, methods=[method], response_model=None)
        return router

    def automation(self, request: Request) -> dict[str, Any]:
        """Return the degree of automation and the evidence for the next."""
        self.door.visitor(request)
        return self.trust.automation()

    def promote(self, body: WhyBody, request: Request) -> dict[str, Any]:
        """Let the machine decide one step more, where the evidence allows it; for supervisors."""
        return self.trust.promote(self.door.person(request, Role.SUPERVISOR).name, body.why)

    def lower(self, body: LowerBody, request: Request) -> dict[str, Any]:
        """Let the machine decide less."""
        return self.trust.lower_to(Automation(body.degree), self.door.person(request).name, body.why)

    def challenge(self, request: Request) -> dict[str, Any]:
        """Return the challenge parts and the lock."""
        self.door.visitor(request)
        return self.trust.challenge()

    def start(self, body: StartBody, request: Request) -> dict[str, Any]:
        """Take the next triggered part for a challenge part."""
        self.door.person(request)
        return self.trust.start(body.part, body.cancel)

    def unlock(self, body: WhyBody, request: Request) -> dict[str, Any]:
        """Lift the lock after a failed challenge; for supervisors."""
        return self.trust.unlock(self.door.person(request, Role.SUPERVISOR).name, body.why)

    def audits(self, request: Request) -> list[dict[str, Any]]:
        """Return the parts whose answers are wanted to measure the machine."""
        self.door.visitor(request)
        return self.trust.audits()

    def answer(self, part: PartNumber, body: AnswerBody, request: Request) -> dict[str, Any]:
        """Take a person's word on a drawn part."""
        return self.trust.answer(part, self.door.person(request).name, Verdict(body.verdict), body.label)

    def automation_page(self, request: Request) -> Response:
        """Return the page of the degree of automation."""
        return self._page(request, "automation", lambda: {"found": self.trust.automation()})

    def challenge_page(self, request: Request) -> Response:
        """Return the page of the challenge parts."""
        return self._page(request, "challenge", self._challenge_values)

    def _challenge_values(self) -> dict[str, Any]:
        with read_journal(self.home.journal) as reader:
            last = record.last_lock(reader)
            count = record.count_suspects(reader, last) if last is not None else 0
            suspects = list(islice(record.suspects(reader, last), _SHOWN)) if last is not None else []
        opinion = said(last.why) if last is not None else None
        says = opinion.value if opinion is not None else "none"
        return {"found": self.trust.challenge(), "last": last, "count": count, "suspects": suspects, "says": says}

    def audit_page(self, request: Request) -> Response:
        """Return the page that asks about drawn parts."""
        return self._page(request, "audit", lambda: {"found": self.trust.audits()})

    def suspects(self, request: Request) -> Response:
        """Send the parts in doubt as CSV; an operator sees his own name only."""
        visitor = self.door.visitor(request)
        only = visitor.name if visitor.role is Role.OPERATOR else None
        headers = {"Content-Disposition": 'attachment; filename="suspects.csv"'}
        return StreamingResponse(self._lines(only), media_type="text/csv; charset=utf-8", headers=headers)

    def _lines(self, only: str | None) -> Iterator[str]:
        with read_journal(self.home.journal) as reader:
            lock = record.last_lock(reader)
            yield from csv_lines(record.suspects(reader, lock) if lock is not None else (), only)

    def _page(self, request: Request, name: str, values: Any) -> Response:
        if (login := self.places.login_first(request, name)) is not None:
            return login
        supervisor = self.door.visitor(request).role is Role.SUPERVISOR
        html = page.served(f"{name}.html", self.places.of(request), supervisor=supervisor, **values())
        return HTMLResponse(html)
