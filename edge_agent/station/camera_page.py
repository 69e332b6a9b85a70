"""The camera's page: live picture and focus aid, for whoever sets the station up."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from edge_agent.capture.preview_file import read_preview
from edge_agent.channel import Channel
from edge_agent.clock import Clock
from edge_agent.home import Home
from edge_agent.report import page
from edge_agent.station.door import Door
from edge_agent.station.errors import Refused
from edge_agent.station.pinbook import Role
from edge_agent.station.places import Places

FACTS_HEADER = "X-Picture"
_ASK_EVERY_S = 0.5
_FRESH_S = 3.0


@dataclass
class CameraPage:
    """The routes `/camera` and `/api/camera`; for supervisors, and for programs with the station's token."""

    home: Home
    door: Door
    channel: Channel
    clock: Clock
    places: Places
    _asked: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["station"])
        router.add_api_route("/camera", self.page, methods=["GET"], response_model=None, include_in_schema=False)
        router.add_api_route("/api/camera", self.picture, methods=["GET"], response_model=None)
        return router

    def page(self, request: Request) -> Response:
        """Return the page."""
        if (login := self.places.login_first(request, "camera")) is not None:
            return login
        problem = ""
        try:
            self._enter(request)
        except Refused as refused:
            if refused.code != "role":
                raise
            problem = str(refused)
        html = page.served("camera.html", self.places.of(request), allowed=not problem)
        return HTMLResponse(html, 403 if problem else 200)

    def picture(self, request: Request, after: int = -1) -> Response:
        """Return the camera's latest picture as JPEG, its measures as JSON in `X-Picture`; 204 where none is newer.

        `after` is the `index` of the picture that is known already. Pictures are made while somebody asks.
        """
        self._enter(request)
        self._look()
        shown = read_preview(self.home.preview)
        if shown is None or shown.facts["index"] == after or self.clock.monotonic() - shown.facts["at"] > _FRESH_S:
            return Response(status_code=204)
        return Response(shown.jpeg, media_type="image/jpeg", headers={FACTS_HEADER: json.dumps(shown.facts)})

    def _enter(self, request: Request) -> None:
        visitor = self.door.visitor(request)
        if visitor.role is Role.OPERATOR:
            raise Refused(403, "role", f"the camera is set up by a supervisor; {visitor.name} is an operator")

    def _look(self) -> None:
        """Tell the hot process that somebody looks, twice a second at most."""
        with self._lock:
            now = self.clock.monotonic()
            if now - self._asked < _ASK_EVERY_S:
                return
            self._asked = now
        self.channel.send({"to": "hot", "kind": "preview"})
