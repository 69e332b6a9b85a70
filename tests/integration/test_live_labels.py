"""The fleet's side of judging the live model: the labels of one bundle, and the ticket that a broken bound opens."""

from __future__ import annotations

import csv
import io

import httpx
import pytest

from edge_agent.contracts.encoding import digest_bytes
from fleet.store.monitoring_tables import Image
from fleet.store.tables import Event
from fleet.web.auth import add_token
from tests.simulators.fleet_server import fleet_server

BOOT = "0d7c2f5e-5a4f-4d0e-9a56-0b8a3c0f1d11"
OTHER = "f" * 64


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A server with a published bundle, two sites, and reviews of parts that this and another bundle judged."""
    with fleet_server(tmp_path_factory.mktemp("fleet")) as server:
        bundle = server.publish("v1").ref.bundle
        for name, site in (("cam1", "hall"), ("cam2", "yard"), ("cam3", "far")):
            server.station(name, site, start=False)
        with server.service.context.database.begin() as session:
            for role in ("viewer", "operator"):
                add_token(session, f"token of {role}", role, role, 0)
            for number, (device, judged, received) in enumerate(
                [("cam1", bundle, 50), ("cam1", bundle, 100), ("cam2", bundle, 200), ("cam3", OTHER, 300)]
            ):
                sha = digest_bytes(str(number).encode())
                session.add(Image(sha=sha, device=device, kind="png", size=1, received_ms=received))
                data = {"kind": "reviewed", "part": number, "part_boot": BOOT, "operator": "ann", "verdict": "reject"}
                data |= {"machine": "accept", "label": "scratch", "bundle": judged, "image": sha, "training": False}
                fact = {"device": device, "boot": BOOT, "seq": number, "kind": "reviewed", "at_ms": 1}
                session.add(Event(**fact, received_ms=received, data=data))
        yield server, bundle


def ask(live, method, path, role="operator", **more):
    head = {"Authorization": f"Bearer token of {role}"}
    return httpx.request(method, f"{live[0].service.url}/api/v1/live/{path}", headers=head, **more)


def test_the_labels_of_one_bundle_since_a_moment(live):
    answer = ask(live, "GET", f"{live[1]}/labels.csv?since=100", role="viewer")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["label"], row["split_hint"]) for row in rows] == [("scratch", "test")] * 2
    assert {row["image"].partition(".")[0] for row in rows} == {f"images/{digest_bytes(n)}" for n in (b"1", b"2")}
    assert len(ask(live, "GET", f"{live[1]}/labels.csv").text.splitlines()) == 4
    unknown = ask(live, "GET", f"{OTHER}/labels.csv")
    assert (unknown.status_code, "not in the registry" in unknown.json()["error"]) == (422, True)


def test_a_broken_bound_opens_one_ticket_and_joins_it_later(live):
    found = {"bundle": live[1], "text": "5 of 20 defective parts accepted", "parts": 100, "threshold": 0.02}
    found |= {"first_ms": 100, "last_ms": 400, "broken": False}
    assert ask(live, "POST", "evaluations", role="viewer", json=found).status_code == 403
    assert ask(live, "POST", "evaluations", json=found).json() == {"tickets": []}
    (ticket,) = ask(live, "POST", "evaluations", json={**found, "broken": True}).json()["tickets"]
    assert (ticket["cause"], ticket["state"], ticket["model"]) == ("performance", "open", "tiles")
    assert ticket["sites"] == ["hall", "yard"]
    later = {**found, "broken": True, "text": "9 of 30 defective parts accepted", "last_ms": 900}
    (again,) = ask(live, "POST", "evaluations", json=later).json()["tickets"]
    assert again["id"] == ticket["id"]
    assert "9 of 30" in str(again)
    assert ask(live, "POST", "evaluations", json={**later, "bundle": OTHER}).status_code == 422
