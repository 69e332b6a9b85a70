"""What stands on top of every printed page of the station: whose it is, and in which language a person reads it."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from edge_agent.config import UiConfig
from edge_agent.report.names import names_in
from edge_agent.report.page import Place
from edge_agent.station.door import Door
from edge_agent.station.errors import Refused
from edge_agent.station.pages import LANGUAGES, spoken_language
from edge_agent.station.view import View


@dataclass(frozen=True)
class Places:
    """Makes the top of a page, in the language that the station has or that a person's browser asks for."""

    door: Door
    view: View
    ui: UiConfig
    recipes: bool = False

    def of(self, request: Request) -> Place:
        """Return the top of the page that a person asks for."""
        place = self.view.place
        where = " · ".join(part for part in (place["site"], place["line"]) if part)
        language = self._language(request)
        return Place(place["device"], where, language, self.recipes, names_in(language, self.ui.labels))

    def login_first(self, request: Request, back_to: str) -> Response | None:
        """Return the way to the log-in, from where it goes on to `back_to`; None for who is in. Raises Refused."""
        try:
            self.door.visitor(request)
        except Refused as refused:
            if refused.code != "login":
                raise
            return RedirectResponse(f"/?next={back_to}", 303)
        return None

    def _language(self, request: Request) -> str:
        wished = request.query_params.get("lang", "")
        return wished if wished in LANGUAGES else spoken_language(request, self.ui.language)
