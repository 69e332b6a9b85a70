"""The page where a person gives the model a picture and sees what it says. It needs no part and makes none."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from edge_agent.report import page
from edge_agent.station.models import Bundles
from edge_agent.station.places import Places


@dataclass(frozen=True)
class Trying:
    """The route `/try`, for whoever can log in; the picture goes to the prediction API."""

    bundles: Bundles
    places: Places

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/try", self.page, methods=["GET"], response_model=None)
        return router

    def page(self, request: Request) -> Response:
        """Return the page, which names the model that would judge."""
        if (login := self.places.login_first(request, "try")) is not None:
            return login
        active = self.bundles.active_manifest()
        model, crop = None, None
        if active is not None:
            model, crop = active[1], active[1].recipe.camera.crop.corners
        return HTMLResponse(page.served("try.html", self.places.of(request), model=model, crop=crop))
