"""The JSON API of the operator page, for the page itself and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Path, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import Field, StringConstraints

from edge_agent.channel import Channel
from edge_agent.contracts.line_messages import RECIPE_MAX, SERIAL_MAX
from edge_agent.contracts.strict import Strict
from edge_agent.contracts.verdict import Verdict
from edge_agent.home import Home
from edge_agent.journal.reviews import Outcome, Withdrawal
from edge_agent.station.checks import Checks
from edge_agent.station.desk import UNSAID, Desk
from edge_agent.station.door import COOKIE, Door, Visitor, give_cookie
from edge_agent.station.errors import Refused
from edge_agent.station.live import Live
from edge_agent.station.pictures import find_picture
from edge_agent.station.pinbook import Role
from edge_agent.station.triggers import Triggers
from edge_agent.station.view import View

Name = Annotated[str, StringConstraints(min_length=1, max_length=60)]
PartNumber = Annotated[int, Path(gt=-(1 << 63), lt=1 << 63)]
"""A part's row in the journal, which counts in 64 bits; questions that decide nothing have negative ones."""

_FOREVER = {"Cache-Control": "private, max-age=86400, immutable"}


class LoginBody(Strict):
    """Who comes, with which PIN."""

    name: Name
    pin: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class AnswerBody(Strict):
    """What a person says of a part; `label` names the defect of a rejected one.

    With `hold` the answer can be taken back for `ui.undo_s` seconds, as far as the part's deadline allows.
    """

    verdict: Literal[Verdict.ACCEPT, Verdict.REJECT]
    label: Annotated[str, StringConstraints(pattern=r"^([a-z0-9][a-z0-9._-]{0,62})?$")] = ""
    hold: bool = False


class TriggerBody(Strict):
    """The part's serial number, if it has one, and the product that it is of, if the station makes several."""

    serial: Annotated[str, Field(max_length=SERIAL_MAX)] = ""
    recipe: Annotated[str, Field(max_length=RECIPE_MAX)] = ""


_NO_SERIAL = TriggerBody()


@dataclass(frozen=True)
class Api:
    """The routes below `/api`."""

    home: Home
    door: Door
    desk: Desk
    checks: Checks
    view: View
    live: Live
    triggers: Triggers
    channel: Channel
    undo_s: float

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
            ("/parts/{part}/undo", self.undo, "POST"),
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
        return self.view.queue(self.door.visitor(request).name)

    def recent(self, request: Request) -> list[dict[str, Any]]:
        """Return the last parts, newest first."""
        self.door.visitor(request)
        return self.view.recent()

    def status(self, request: Request) -> dict[str, Any]:
        """Return the station's state and counts."""
        self.door.visitor(request)
        return self.view.status()

    def stream(self, request: Request) -> StreamingResponse:
        """Send the state as Server-Sent Events, at once and at every change."""
        visitor = self.door.visitor(request)
        events = self.live.events(request, visitor.name, lambda: self.door.knows(request))
        return StreamingResponse(events, media_type="text/event-stream")

    def answer(self, part: PartNumber, body: AnswerBody, request: Request, later: BackgroundTasks) -> dict[str, Any]:
        """Take a person's verdict. The first in time decides; a late or second one is kept as a label."""
        person = self.door.person(request)
        verdict, undo_s = Verdict(body.verdict), self.undo_s if body.hold else 0.0
        if part < 0:
            return _said(*self.checks.answer(part, person.name, verdict, body.label, undo_s), "")
        taken = self.desk.answer(part, person.name, verdict, body.label, undo_s)
        if taken.outcome is Outcome.DECIDED:
            self.channel.send({"to": "hot", "kind": "review_decided", "review": part})
        if taken.outcome in (Outcome.DECIDED, Outcome.HELD):
            later.add_task(self.checks.after, person.name, taken.before, self.view.automation())
        return _said(taken.outcome, taken.undo_s, self.desk.decided_by(part))

    def undo(self, part: PartNumber, request: Request) -> dict[str, Any]:
        """Take the person's own answer back while it is held; says why not where that is over."""
        person = self.door.person(request)
        if part < 0:
            done = self.checks.withdraw(part, person.name, self.undo_s)
            outcome = Withdrawal.WITHDRAWN if done else Withdrawal.DRIVEN
        else:
            outcome = self.desk.withdraw(part, person.name)
        if outcome is not Withdrawal.WITHDRAWN:
            raise Refused(409, f"undo-{outcome.value}", WHY_NO_UNDO[outcome])
        return {"outcome": outcome.value}

    def heatmap(self, part: PartNumber, request: Request) -> Response:
        """Return the defect heatmap of a part that was held as a grey PNG of the size of the model's map."""
        visitor = self.door.visitor(request)
        if part < 0:
            data = None if self.view.blind() else self.checks.heatmap(part, visitor.name)
        else:
            data = None if self.view.blind() and self.desk.undecided(part) else self.desk.heatmap(part)
        if data is None:
            raise Refused(404, "no-heatmap", f"there is no heatmap for part {part}")
        return Response(data, media_type="image/png")

    def image(self, digest: str, request: Request) -> FileResponse:
        """Return a part's picture."""
        self.door.visitor(request)
        path, media = find_picture((self.home.images, self.home.known), digest)
        return FileResponse(path, media_type=media, headers=_FOREVER)

    def trigger(self, request: Request, body: TriggerBody = _NO_SERIAL) -> dict[str, Any]:
        """Inspect a part now and return its verdict; no opinion of the machine where a person is to decide blindly."""
        self.door.visitor(request)
        answer = self.triggers.pull(body.serial, body.recipe)
        return answer | UNSAID if self.view.blind() and answer.get("verdict") == Verdict.REVIEW.value else answer


def _said(outcome: Outcome, undo_s: float, decided_by: str) -> dict[str, Any]:
    """Return what the page is told of an answer; the same for parts and for questions that decide nothing."""
    if outcome is Outcome.HELD:
        return {"outcome": outcome.value, "undo_s": round(undo_s, 3)}
    return {"outcome": outcome.value} | ({} if outcome is Outcome.DECIDED else {"decided_by": decided_by})


WHY_NO_UNDO = {
    Withdrawal.DRIVEN: "the gate has moved for this part; it cannot be taken back",
    Withdrawal.DECIDED: "the answer counts already and the gate is about to move; it cannot be taken back",
    Withdrawal.NOT_YOURS: "somebody else decided this part; only they can take it back, while it is held",
    Withdrawal.TIMEOUT: "the part's time was over and it was rejected; there is nothing to take back",
    Withdrawal.NOTHING: "nothing was said of this part that could be taken back",
}


def _who(visitor: Visitor) -> dict[str, Any]:
    return {"name": visitor.name, "role": visitor.role.value if visitor.role else "", "csrf": visitor.token}
