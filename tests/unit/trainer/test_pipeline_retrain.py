import json
import os

import pytest

from edge_agent.contracts.errors import ConfigError, Rejected, Unavailable
from tests.simulators.ticket_fleet import TicketFleet
from trainer.delivery import history
from trainer.labels.fetch import fetch_labels
from trainer.labels.fleet_api import FleetApi
from trainer.pipeline.lock import file_lock
from trainer.pipeline.progress import Lines
from trainer.request import Request
from trainer.retraining.handover import note_rollout, start_waiting
from trainer.retraining.tickets import reviewed_folders, serve_ticket, to_do, watch_once
from trainer.retraining.tried import Tried


@pytest.fixture
def fleet(tmp_path):
    made = TicketFleet()
    stop = made.serve(tmp_path / "home")
    yield made
    stop()


@pytest.fixture
def api(fleet, tmp_path):
    made = FleetApi.of(tmp_path / "home")
    yield made
    made.close()


def _ticket(**changed):
    base = {"id": "t-1", "state": "open", "mode": "assisted", "cause": "data", "needs_approval": False}
    return {**base, "changed_by": "anna", **changed}


@pytest.mark.parametrize(
    ("ticket", "mode", "mine", "decision"),
    [
        (_ticket(), "", False, "train"),
        (_ticket(state="approved", needs_approval=True), "", False, "train"),
        (_ticket(cause="lighting", needs_approval=True), "automatic", False, "waits for 'fleet tickets approve t-1'"),
        (_ticket(), "manual", False, "waits for 'trainer pipeline run --ticket'"),
        (_ticket(mode="manual"), "", False, "waits for 'trainer pipeline run --ticket'"),
        (_ticket(mode="manual"), "automatic", False, "train"),
        (_ticket(state="claimed"), "automatic", False, "claimed by anna"),
        (_ticket(state="claimed"), "manual", True, "train"),
        (_ticket(state="served"), "automatic", False, "is served"),
    ],
)
def test_what_is_done_about_a_ticket(ticket, mode, mine, decision):
    assert to_do(ticket, mode, mine).endswith(decision)


def test_labels_and_pictures_are_fetched_once(fleet, api, tmp_path):
    fleet.open_ticket("t-1")
    fleet.label(b"one", "p1", "pit")
    fleet.label(b"two", "p2", "ok")
    folder = tmp_path / "data"
    assert fetch_labels(api, "t-1", "ticket t-1", folder) == 2
    assert (folder / "labels.csv").read_text() == fleet.table()
    assert sorted(path.read_bytes() for path in (folder / "images").iterdir()) == [b"one", b"two"]
    fleet.images.clear()
    assert fetch_labels(api, "t-1", "ticket t-1", folder) == 2


def test_a_picture_of_other_content_is_refused(fleet, api, tmp_path):
    fleet.open_ticket("t-1")
    fleet.label(b"one", "p1", "pit")
    fleet.images = dict.fromkeys(fleet.images, b"other")
    with pytest.raises(Rejected, match="has other content than its name says"):
        fetch_labels(api, "t-1", "ticket t-1", tmp_path / "data")
    assert not (tmp_path / "data" / "labels.csv").exists()


def test_without_labels_one_waits(fleet, api, tmp_path):
    fleet.open_ticket("t-1")
    with pytest.raises(Unavailable, match="nobody has labelled a part yet"):
        fetch_labels(api, "t-1", "ticket t-1", tmp_path / "data")


def test_a_fleet_that_is_away_is_worth_another_try(tmp_path):
    (tmp_path / "client.json").write_text(json.dumps({"url": "http://127.0.0.1:9", "token": "x"}))
    api = FleetApi.of(tmp_path)
    with pytest.raises(Unavailable, match="is 'fleet serve' running"):
        api.tickets()
    api.close()


def test_a_wrong_token_and_a_missing_home_are_a_persons_business(fleet, tmp_path):
    api = FleetApi(fleet.url, "wrong")
    with pytest.raises(ConfigError, match="token is not known"):
        api.tickets()
    api.close()
    with pytest.raises(ConfigError, match="name its home"):
        FleetApi.of(tmp_path / "nowhere")


def test_a_ticket_of_another_model_is_not_trained_from(fleet, tmp_path):
    fleet.open_ticket("t-1", model="magnetic-tile")
    request = Request("machined-surface", (tmp_path,), tmp_path / "root")
    with pytest.raises(ConfigError, match="ticket t-1 is about magnetic-tile"):
        serve_ticket(request, "t-1", tmp_path / "home", Lines(_Nowhere()))
    assert fleet.said == []


def test_a_ticket_without_labels_is_free_again(fleet, tmp_path):
    fleet.open_ticket("t-1")
    request = Request("machined-surface", (tmp_path,), tmp_path / "root")
    with pytest.raises(Unavailable):
        serve_ticket(request, "t-1", tmp_path / "home", Lines(_Nowhere()))
    assert [action for _, action, _ in fleet.said] == ["claim", "release"]
    assert fleet.tickets["t-1"]["state"] == "approved"


def test_what_former_tickets_taught_is_kept_and_the_newest_labels_come_last(tmp_path):
    for name, model in (("t-1", "tiles"), ("t-2", "tiles"), ("t-3", "other")):
        folder = tmp_path / "tickets" / name
        folder.mkdir(parents=True)
        (folder / "ticket.json").write_text(json.dumps({"model": model}))
    found = reviewed_folders(tmp_path, "tiles", "t-1")
    assert [folder.parent.name for folder in found] == ["t-2", "t-1"]


def test_watching_in_manual_mode_only_shows(fleet, tmp_path):
    fleet.open_ticket("t-1")
    fleet.open_ticket("t-2", model="other")
    request, said = Request("machined-surface", (tmp_path,), tmp_path / "root"), []
    found = watch_once(request, tmp_path / "home", "manual", lambda: Lines(_Nowhere()), said.append)
    assert [outcome["ticket"] for outcome in found] == ["t-1"]
    assert said == ["ticket t-1 (lighting at s1): waits for 'trainer pipeline run --ticket'"]
    assert fleet.said == []


def _blessed(version, release):
    texts = dict.fromkeys(("bundle", "data", "examples", "model_digest", "evaluation"), "0" * 64)
    return history.Blessed(model="tiles", version=version, release=release, origin=version, eval={}, **texts)


def test_a_rollout_that_cannot_start_now_is_started_later(fleet, tmp_path):
    root, said = tmp_path / "root", []
    history.add(root, _blessed("v2", 2))
    note_rollout(root, "t-1", "tiles", "v2")
    fleet.busy = "r7"
    assert start_waiting(root, tmp_path / "home", said.append) == {}
    assert said == ["ticket t-1: the rollout of tiles v2 waits: fleet: rollout r7 is under way; wait for it"]
    fleet.busy = ""
    assert start_waiting(root, tmp_path / "home", said.append) == {"t-1": "r1"}
    assert said[-1] == "ticket t-1: tiles v2 is published, rollout r1 started"
    assert [(order["model"], order["canary"]) for order in fleet.rollouts] == [("tiles@v2", "5%")]
    assert start_waiting(root, tmp_path / "home", said.append) == {}


def test_a_rollout_that_a_newer_model_makes_needless_is_not_started(fleet, tmp_path):
    root, said = tmp_path / "root", []
    for version, release in (("v2", 2), ("v3", 3)):
        history.add(root, _blessed(version, release))
    note_rollout(root, "t-1", "tiles", "v2")
    assert start_waiting(root, tmp_path / "home", said.append) == {}
    assert said == ["ticket t-1: tiles v2 is not rolled out, v3 is newer"]
    assert fleet.rollouts == []


def test_a_ticket_that_cannot_be_served_yet_keeps_no_other_waiting(fleet, tmp_path):
    for name in ("t-2", "t-1"):
        fleet.open_ticket(name)
    request, said = Request("machined-surface", (tmp_path,), tmp_path / "root"), []
    found = watch_once(request, tmp_path / "home", "assisted", lambda: Lines(_Nowhere()), said.append)
    assert [outcome["ticket"] for outcome in found] == ["t-2", "t-1"]
    assert all("nobody has labelled a part yet" in outcome["error"] for outcome in found)
    assert {ticket["state"] for ticket in fleet.tickets.values()} == {"approved"}


@pytest.mark.parametrize(
    "ends", [{"blessed": False, "run": "r", "reasons": ["no"]}, Rejected("bad"), Unavailable("NaN")]
)
def test_what_was_trained_in_vain_waits_for_labels_or_an_hour(fleet, tmp_path, monkeypatch, ends):
    fleet.open_ticket("t-1")
    fleet.label(b"one", "p1", "pit")
    request, runs, now = Request("machined-surface", (tmp_path,), tmp_path / "root"), [], [0.0]

    def run(asked, _display):
        runs.append(asked.ticket)
        if isinstance(ends, Exception):
            raise ends
        return ends

    monkeypatch.setattr("trainer.retraining.tickets.run_pipeline", run)
    tried = Tried(lambda: now[0])

    def look():
        (found,) = watch_once(request, tmp_path / "home", "assisted", lambda: Lines(_Nowhere()), lambda _: None, tried)
        return found["decision"]

    assert [look(), look()] == ["train", "was trained in vain; tried again when more parts are labelled, or in an hour"]
    assert [action for _, action, _ in fleet.said] == ["claim", "release"]
    fleet.label(b"two", "p2", "ok")
    assert look() == "train"
    now[0] += 3600
    assert look() == "train"
    assert runs == ["t-1"] * 3


def test_a_ticket_is_served_by_its_own_model_whatever_else_the_root_has_blessed(fleet, tmp_path, monkeypatch):
    fleet.open_ticket("t-1")
    fleet.label(b"one", "p1", "pit")
    root = tmp_path / "root"
    made = {"blessed": True, "run": "r", "reasons": [], "bundle": str(root / "pushed" / "machined-surface" / "v7")}

    def run(_request, _display):
        history.add(root, _blessed("v30", 30))
        return made

    monkeypatch.setattr("trainer.retraining.tickets.run_pipeline", run)
    serve_ticket(Request("machined-surface", (tmp_path,), root), "t-1", tmp_path / "home", Lines(_Nowhere()))
    assert fleet.said[-1] == ("t-1", "served", {"model": "machined-surface", "version": "v7", "run": "r"})


def test_one_ticket_at_a_time_is_served_in_a_root(fleet, tmp_path):
    fleet.open_ticket("t-1")
    root, said = tmp_path / "root", []
    request = Request("machined-surface", (tmp_path,), root)
    with file_lock(root / "locks" / "tickets"):
        (found,) = watch_once(request, tmp_path / "home", "assisted", lambda: Lines(_Nowhere()), said.append)
        with pytest.raises(Unavailable, match="one is served at a time"):
            serve_ticket(request, "t-1", tmp_path / "home", Lines(_Nowhere()))
    assert f"process {os.getpid()} serves a ticket" in found["error"]
    assert fleet.said == []


class _Nowhere:
    def write(self, _text):
        pass

    def flush(self):
        pass
