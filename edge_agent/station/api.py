"""The JSON API of the operator page, for the page itself and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import Field, StringConstraints

from edge_agent.channel import Channel
from edge_agent.contracts.strict import Strict
from edge_agent.contracts.verdict import Verdict
from edge_agent.home import Home
from edge_agent.journal.reviews import Outcome
from edge_agent.station.desk import Desk
from edge_agent.station.door import COOKIE, Door, Visitor, give_cookie
from edge_agent.station.errors import Refused
from edge_agent.station.live import Live
from edge_agent.station.pictures import find_picture
from edge_agent.station.pinbook import Role
from edge_agent.station.triggers import Triggers
from edge_agent.station.view import View

Name = Annotated[str, StringConstraints(min_length=1, max_length=60)]
_FOREVER = {"Cache-Control": "private, max-age=86400, immutable"}


class LoginBody(Strict):
    """Who comes, with which PIN."""

    name: Name
    pin: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class AnswerBody(Strict):
    """What a person says of a part; `label` names the defect of a rejected one."""

    verdict: Literal[Verdict.ACCEPT, Verdict.REJECT]
    label: Annotated[str, StringConstraints(pattern=r"^([a-z0-9][a-z0-9._-]{0,62})?$")] = ""


class TriggerBody(Strict):
    """The part's serial number, if it has one."""

    serial: Annotated[str, Field(max_length=200)] = ""


@dataclass(frozen=True)
class Api:
    """The routes below `/api`."""

    home: Home
    door: Door
    desk: Desk
    view: View
    live: Live
    triggers: Triggers
    channel: Channel

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix="/api", tags=["station"])
        for path, handler, method in (
            ("/operators", self.operators, "GET"),
            ("/login", self.login, "POST"),
            ("/logout", self.logout, "POST"),
            ("/me", self.me, "GET"),
            ("/operators/{name}/unlock", self.unlock, "POST"),
            ("/queue", self.queue, "GET"),
            ("/recent", self.recent, "GET"),
            ("/status", self.status, "GET"),
            ("/live", self.stream, "GET"),
            ("/parts/{part}/answer", self.answer, "POST"),
            ("/parts/{part}/heatmap", self.heatmap, "GET"),
            ("/images/{digest}", self.image, "GET"),
            ("/trigger", self.trigger, "POST"),
        ):
            router.add_api_route(path, handler, methods=[method], response_model=None)
        return router

    def operators(self) -> dict[str, Any]:
        """Return who can log in (for the log-in page) and whether the station inspects."""
        ready, people = self.view.ready(), self.door.people()
        return {
            "operators": people,
            "ready": ready.ready,
            "code": ready.code,
            "words": ready.words,
            **({} if people else {"command": f"edge-agent pin add NAME --home {self.home.root}"}),
        }

    def login(self, body: LoginBody, request: Request, response: Response) -> dict[str, Any]:
        """Open a session: sets the cookie and returns the token to send along with changes."""
        visitor, cookie = self.door.login(body.name, body.pin)
        give_cookie(response, cookie, request.url.scheme == "https")
        return _who(visitor)

    def logout(self, request: Request, response: Response) -> dict[str, Any]:
        """End the session in this browser."""
        self.door.visitor(request)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return {"logged_out": True}

    def me(self, request: Request) -> dict[str, Any]:
        """Return who is logged in; an empty name where nobody is."""
        return _who(self.door.session(request) or Visitor("", None))

    def unlock(self, name: str, request: Request) -> dict[str, Any]:
        """Lift the lockout of a name; for supervisors."""
        self.door.person(request, Role.SUPERVISOR)
        self.door.unlock(name)
        return {"unlocked": name}

    def queue(self, request: Request) -> list[dict[str, Any]]:
        """Return the parts that wait for a person, the nearest deadline first."""
        self.door.visitor(request)
        return self.view.queue()

    def recent(self, request: Request) -> list[dict[str, Any]]:
        """Return the last parts, newest first."""
        self.door.visitor(request)
        return self.desk.recent()

    def status(self, request: Request) -> dict[str, Any]:
        """Return the station's state and counts."""
        self.door.visitor(request)
        return self.view.status()

    def stream(self, request: Request) -> StreamingResponse:
        """Send the state as Server-Sent Events, at once and at every change."""
        self.door.visitor(request)
        events = self.live.events(request, lambda: self.door.knows(request))
        return StreamingResponse(events, media_type="text/event-stream")

    def answer(self, part: int, body: AnswerBody, request: Request) -> dict[str, Any]:
        """Take a person's verdict. The first in time decides; a late or second one is kept as a label."""
        person = self.door.person(request)
        outcome = self.desk.answer(part, person.name, Verdict(body.verdict), body.label)
        if outcome is Outcome.DECIDED:
            self.channel.send({"to": "hot", "kind": "review_decided", "review": part})
            return {"outcome": outcome.value}
        return {"outcome": outcome.value, "decided_by": self.desk.decided_by(part)}

    def heatmap(self, part: int, request: Request) -> Response:
        """Return the defect heatmap of a part that was held as a grey PNG of the size of the model's map."""
        self.door.visitor(request)
        data = None if self.view.blind() and self.desk.undecided(part) else self.desk.heatmap(part)
        if data is None:
            raise Refused(404, "no-heatmap", f"there is no heatmap for part {part}")
        return Response(data, media_type="image/png")

    def image(self, digest: str, request: Request) -> FileResponse:
        """Return a part's picture."""
        self.door.visitor(request)
        path, media = find_picture(self.home.images, digest)
        return FileResponse(path, media_type=media, headers=_FOREVER)

    def trigger(self, body: TriggerBody, request: Request) -> dict[str, Any]:
        """Inspect a part now and return its verdict."""
        self.door.visitor(request)
        return self.triggers.pull(body.serial)


def _who(visitor: Visitor) -> dict[str, Any]:
    return {"name": visitor.name, "role": visitor.role.value if visitor.role else "", "csrf": visitor.token}
