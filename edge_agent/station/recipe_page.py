"""The page `/recipe`: what is made here, and the changeover to another product; and the API behind it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import StringConstraints

from edge_agent.channel import Channel
from edge_agent.clock import Clock
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.strict import Strict
from edge_agent.install.slots import Pointer
from edge_agent.journal.database import Database
from edge_agent.recipes.board import board, chosen, order
from edge_agent.report import page
from edge_agent.station.door import Door
from edge_agent.station.errors import Refused
from edge_agent.station.places import Places


class RecipeBody(Strict):
    """Which product to make: its name, or its number."""

    recipe: Annotated[str, StringConstraints(min_length=1, max_length=63)]


@dataclass(frozen=True)
class RecipePage:
    """Everybody who is logged in may look and change over; every order is in the journal with a name."""

    recipes: Mapping[int, str]
    pointer: Pointer
    database: Database
    boot: UUID
    channel: Channel
    clock: Clock
    lock: threading.Lock
    door: Door
    places: Places

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["station"])
        router.add_api_route("/recipe", self.page, methods=["GET"], response_model=None, include_in_schema=False)
        router.add_api_route("/api/recipe", self.show, methods=["GET"], response_model=None)
        router.add_api_route("/api/recipe", self.order, methods=["POST"], response_model=None)
        return router

    def show(self, request: Request) -> dict[str, Any]:
        """Return the recipes with their models, the one in force, the one ordered, and the last changeovers."""
        self.door.visitor(request)
        return self._found()

    def order(self, body: RecipeBody, request: Request) -> dict[str, Any]:
        """Change over to another product; the station is not ready until that is done."""
        visitor = self.door.visitor(request)
        who = visitor.name or "a program"
        try:
            with self.lock:
                wanted = chosen(self.recipes, body.recipe)
                by_plc = int(self.places.view.health().get("recipe_by_plc", 0))
                done = order(self.database, self.boot, self.pointer, wanted, who, by_plc, self.clock.wall_ms())
        except ConfigError as error:
            raise Refused(404, "no-recipe", str(error)) from error
        except Rejected as error:
            raise Refused(409, "not-now", str(error)) from error
        self.channel.send({"to": "hot", "kind": "look"})
        return done

    def page(self, request: Request) -> Response:
        """Return the page."""
        if (login := self.places.login_first(request, "recipe")) is not None:
            return login
        health = self.places.view.health()
        html = page.served("recipe.html", self.places.of(request), found=self._found(), health=health)
        return HTMLResponse(html)

    def _found(self) -> dict[str, Any]:
        with self.lock:
            return board(self.database, self.recipes, self.pointer)
