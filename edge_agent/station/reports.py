"""Report and search of the station, as pages for people: rendered here, behind the log-in, with no script needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from edge_agent.clock import Clock
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.picture_file import picture_size
from edge_agent.contracts.recipe import Crop
from edge_agent.home import Home
from edge_agent.journal.reader import read_journal
from edge_agent.report import page
from edge_agent.report.lines import csv_lines
from edge_agent.report.numbers import Numbers
from edge_agent.report.people import known_to
from edge_agent.report.period import Period, Shift, Wish, chosen, local
from edge_agent.report.reading import finished_parts, read_numbers
from edge_agent.report.trace import Trace, find_parts, model_name, trace_part
from edge_agent.station.door import Door
from edge_agent.station.errors import Refused
from edge_agent.station.models import Bundles
from edge_agent.station.pictures import find_picture
from edge_agent.station.pinbook import Role
from edge_agent.station.places import Places
from edge_agent.station.view import View

_SERIAL_CHARACTERS = 200


@dataclass(frozen=True)
class Reports:
    """The routes `/report`, `/report.csv` and `/search`. Who can log in may see them; programs send their token.

    What single people did is for supervisors and programs; an operator sees his own work and that of all others.
    """

    home: Home
    door: Door
    view: View
    bundles: Bundles
    shifts: tuple[Shift, ...]
    clock: Clock
    places: Places

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(include_in_schema=False)
        for path, handler in (("/report", self.report), ("/report.csv", self.lines), ("/search", self.search)):
            router.add_api_route(path, handler, methods=["GET"], response_model=None)
        return router

    def report(self, request: Request) -> Response:
        """Return the report of a shift (`shift`), of times (`from`, `to`), or of today."""
        if (login := self.places.login_first(request, "report")) is not None:
            return login
        problem = ""
        try:
            period = self._period(request)
        except Rejected as error:
            period, problem = chosen(Wish(), (), self.clock.wall_ms()), str(error)
        with read_journal(self.home.journal) as reader:
            numbers = read_numbers(reader, period, self.clock)
        if (only := self._only(request)) is not None:
            numbers = replace(numbers, operators=known_to(only, numbers.operators))
        html = page.report_page(numbers, self.places.of(request), self._names(numbers), self.shifts, problem)
        return HTMLResponse(html, 400 if problem else 200)

    def lines(self, request: Request) -> Response:
        """Send the finished parts of the same periods as CSV, as they are read."""
        only, period = self._only(request), self._period(request)
        name = re.sub(r"[^A-Za-z0-9._-]", "_", self.view.place["device"])
        headers = {"Content-Disposition": f'attachment; filename="{name}-{local(period.from_ms):%Y%m%dT%H%M}.csv"'}
        return StreamingResponse(self._lines(period, only), media_type="text/csv; charset=utf-8", headers=headers)

    def _lines(self, period: Period, only: str | None) -> Iterator[str]:
        with read_journal(self.home.journal) as reader:
            yield from csv_lines(finished_parts(reader, period), only)

    def _only(self, request: Request) -> str | None:
        """Return whose name alone may be shown, None where all may. Raises Refused for strangers."""
        visitor = self.door.visitor(request)
        return visitor.name if visitor.role is Role.OPERATOR else None

    def search(self, request: Request) -> Response:
        """Return the parts whose serial is or begins with `serial`, and the trace of one of them (`part`)."""
        if (login := self.places.login_first(request, "search")) is not None:
            return login
        serial = request.query_params.get("serial", "").strip()[:_SERIAL_CHARACTERS]
        with read_journal(self.home.journal) as reader:
            hits = find_parts(reader, serial)
            part = _number(request.query_params.get("part", "")) or (hits[0].part if hits else None)
            trace = trace_part(reader, self.home, self.bundles, part) if part is not None else None
        found = page.Found(serial, hits, trace)
        return HTMLResponse(page.search_page(self._with_picture(found), self.places.of(request)))

    def _with_picture(self, found: page.Found) -> page.Found:
        """Add what the picture needs, and take out what a person must not see before the answer."""
        trace = found.trace
        if trace is None:
            return found
        if trace.final is None and self.view.blind():
            return replace(found, trace=blinded(trace), hidden=True)
        manifest = self.bundles.manifest(trace.bundle)
        crop = manifest.recipe.camera.crop if manifest else Crop()
        return replace(found, size=self._size(trace.picture), crop=crop.corners)

    def _size(self, digest: str | None) -> tuple[int, int]:
        try:
            return picture_size(find_picture(self.home.images, digest)[0].read_bytes()) if digest else (1, 1)
        except (Refused, Rejected, OSError):
            return 1, 1

    def _period(self, request: Request) -> Period:
        asked = request.query_params
        wish = Wish(asked.get("from", ""), asked.get("to", ""), asked.get("shift", ""))
        return chosen(wish, self.shifts, self.clock.wall_ms())

    def _names(self, numbers: Numbers) -> dict[str, str]:
        return {bundle: model_name(self.bundles, bundle) for bundle in numbers.bundles}


def blinded(trace: Trace) -> Trace:
    """Return the trace without the machine's opinion."""
    return replace(trace, score=None, label="", peak=None, heatmap=False, reason=None, detail="", canary=None)


def _number(text: str) -> int | None:
    return int(text) if re.match(r"^\d{1,18}$", text, re.ASCII) else None
