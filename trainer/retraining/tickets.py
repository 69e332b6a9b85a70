"""Serving the fleet's retrain tickets: fetch the reviewed parts, train, hand the new version on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError, LinesideError, Rejected, Unavailable
from trainer.labels.fetch import fetch_labels
from trainer.labels.fleet_api import FleetApi
from trainer.pipeline import recipes
from trainer.pipeline.cache import write_atomically
from trainer.pipeline.lock import file_lock, holder
from trainer.pipeline.progress import Display
from trainer.request import Request
from trainer.retraining.handover import note_rollout, start_waiting
from trainer.retraining.tried import Tried
from trainer.run import run_pipeline

Say = Callable[[str], None]
_IN_VAIN = "was trained in vain; tried again when more parts are labelled, or in an hour"


def _alone(root: Path) -> AbstractContextManager[None]:
    """Let one process at a time serve tickets of a root: what it has claimed another would take for its own.

    Raises Unavailable where one is at it.
    """
    path = root / "locks" / "tickets"

    def stopped() -> bool:
        raise Unavailable(f"process {holder(path)} serves a ticket in {root} at this moment; one is served at a time")

    return file_lock(path, stopped=stopped)


def serve_ticket(request: Request, ticket: str, home: Path, display: Display) -> dict[str, Any]:
    """Train on the request's data and the ticket's reviewed parts, and tell the fleet; return the run's result.

    The new model begins with the weights of the latest blessed one. The ticket is `served` by a blessed model and free
    again after any other end. Raises Rejected when the ticket may not be trained from, Unavailable while another
    process serves one in this root.
    """
    fleet = FleetApi.of(home)
    try:
        with _alone(request.root):
            return _serve(request, fleet.ticket(ticket), fleet, home, display, Tried())
    finally:
        fleet.close()


def _serve(
    request: Request,
    ticket: dict[str, Any],
    fleet: FleetApi,
    home: Path,
    display: Display,
    tried: Tried,
    roll_out: bool = False,
) -> dict[str, Any]:
    name = str(ticket["id"])
    recipe, _ = recipes.load(request.recipe, request.assignments)
    if ticket["model"] != recipe.name:
        raise ConfigError(f"ticket {name} is about {ticket['model']}, the recipe is {recipe.name}; give the other one")
    folder = request.root / "tickets" / name
    if ticket["state"] != "claimed":
        fleet.move(name, "claim")
        write_atomically(folder / "claim.json", json.dumps({"ticket": name}).encode())
    elif not claimed_here(request.root, name):
        raise Rejected(f"ticket {name} is claimed by {ticket['changed_by']}; wait for it, or release it there")
    try:
        fetch_labels(fleet, name, f"ticket {name}", folder / "data")
        write_atomically(folder / "ticket.json", json.dumps(ticket, sort_keys=True).encode())
        folders = (*request.folders, *reviewed_folders(request.root, recipe.name, name))
        joined = replace(request, folders=folders, ticket=name, fleet_home=str(home.resolve()))
        result = _trained(joined.with_settings("trainer.warm_start=true"), display, folders[-1], tried)
    except (LinesideError, KeyboardInterrupt) as error:
        _release(fleet, request.root, name, f"the training failed: {error}")
        raise
    if not result["blessed"]:
        _release(fleet, request.root, name, f"run {result['run']} was not blessed: {'; '.join(result['reasons'])}")
        return result
    version = Path(result["bundle"]).name
    if roll_out:
        note_rollout(request.root, name, recipe.name, version)
    fleet.move(name, "served", model=recipe.name, version=version, run=result["run"])
    (folder / "claim.json").unlink(missing_ok=True)
    return result


def _trained(request: Request, display: Display, reviewed: Path, tried: Tried) -> dict[str, Any]:
    """Run the pipeline and note where it made no blessed model of the `reviewed` parts."""
    labels = (reviewed / "labels.csv").read_bytes()
    try:
        result = run_pipeline(request, display)
    except LinesideError:
        tried.note(request.ticket, labels)
        raise
    if not result["blessed"]:
        tried.note(request.ticket, labels)
    return result


def reviewed_folders(root: Path, model: str, ticket: str) -> list[Path]:
    """Return the data of all tickets of the model that were fetched so far, that of `ticket` last: its labels win.

    What was learned from former tickets is not to be forgotten.
    """
    found = []
    for path in sorted((root / "tickets").glob("*/ticket.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["model"] == model and path.parent.name != ticket:
            found.append(path.parent / "data")
    return [*found, root / "tickets" / ticket / "data"]


def _release(fleet: FleetApi, root: Path, ticket: str, note: str) -> None:
    fleet.move(ticket, "release", note=note[:500])
    (root / "tickets" / ticket / "claim.json").unlink(missing_ok=True)


def claimed_here(root: Path, ticket: str) -> bool:
    """Say whether this root claimed the ticket and has not finished: so a killed training is taken up again."""
    return (root / "tickets" / ticket / "claim.json").is_file()


def to_do(ticket: dict[str, Any], mode: str, mine: bool) -> str:
    """Say what a watching trainer does about a ticket: `train`, or why not. Rule only.

    `mode` "" means the ticket's own mode; `mine` = this root has claimed it before.
    """
    how = mode or str(ticket["mode"])
    if ticket["state"] == "claimed":
        return "train" if mine else f"claimed by {ticket['changed_by']}"
    if how == "manual":
        return "waits for 'trainer pipeline run --ticket'"
    if ticket["state"] == "open" and ticket["needs_approval"]:
        return f"cause {ticket['cause']}: waits for 'fleet tickets approve {ticket['id']}'"
    return "train" if ticket["state"] in ("open", "approved") else f"is {ticket['state']}"


def watch_once(
    request: Request,
    home: Path,
    mode: str,
    make_display: Callable[[], Display],
    say: Say,
    tried: Tried | None = None,
) -> list[dict[str, Any]]:
    """Look at all live tickets of the recipe's model once and serve those that may be; return what became of each.

    A ticket that cannot be served now keeps no other waiting. One that was `tried` in vain waits for more labels.
    """
    tried = tried or Tried()
    recipe, _ = recipes.load(request.recipe, request.assignments)
    start_waiting(request.root, home, say)
    fleet = FleetApi.of(home)
    found = []
    try:
        for ticket in fleet.tickets():
            if ticket["model"] != recipe.name:
                continue
            name = str(ticket["id"])
            decision = to_do(ticket, mode, claimed_here(request.root, name))
            if decision == "train" and tried.waits(name, partial(fleet.labels, name)):
                decision = _IN_VAIN
            say(f"ticket {name} ({ticket['cause']} at {', '.join(ticket['sites'])}): {decision}")
            outcome: dict[str, Any] = {"ticket": name, "decision": decision}
            if decision == "train":
                automatic = (mode or str(ticket["mode"])) == "automatic"
                outcome |= _train(request, ticket, fleet, home, automatic, make_display(), say, tried)
            found.append(outcome)
    finally:
        fleet.close()
    return found


def _train(
    request: Request,
    ticket: dict[str, Any],
    fleet: FleetApi,
    home: Path,
    automatic: bool,
    display: Display,
    say: Say,
    tried: Tried,
) -> dict[str, Any]:
    if automatic:
        request = request.with_settings(f"pusher.fleet_home={home}")
    try:
        with _alone(request.root):
            result = _serve(request, ticket, fleet, home, display, tried, automatic)
    except (Rejected, Unavailable) as error:
        say(f"ticket {ticket['id']}: {error}")
        return {"error": str(error)}
    rollout = ""
    if automatic and result["blessed"]:
        rollout = start_waiting(request.root, home, say).get(str(ticket["id"]), "")
    elif result["blessed"]:
        say(f"ticket {ticket['id']}: {result['bundle']} is ready; publish it with 'fleet publish'")
    return {"result": result, "rollout": rollout}


def watch(
    request: Request,
    home: Path,
    mode: str,
    make_display: Callable[[], Display],
    say: Say,
    every_s: float,
    first: Callable[[], object] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Look again and again, until the process is ended; a fleet that is away is waited for.

    `first` is done before each look.
    """
    tried = Tried()
    while True:
        try:
            first()
            watch_once(request, home, mode, make_display, say, tried)
        except LinesideError as error:
            say(str(error))
        sleep(every_s)
