"""The fleet server over HTTP: who may do what, what devices get, and how errors read."""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path

import httpx
import pytest
from tuf.ngclient import Updater

from edge_agent.contracts.bundle import parse_manifest
from edge_agent.contracts.topics import Channel
from edge_agent.install.registry import Registry
from fleet.devices.enrolment import NewDevice
from fleet.web.auth import add_token
from tests.simulators.fleet_server import eventually, fleet_server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with fleet_server(tmp_path_factory.mktemp("fleet")) as running:
        running.publish("v1")
        with running.service.context.database.begin() as session:
            for role in ("viewer", "operator"):
                add_token(session, f"token of {role}", role, role, 0)
        yield running


@pytest.fixture(scope="module")
def credentials(server):
    return server.service.context.enrolment.enrol(NewDevice(device="reader", site="here", line="l1"))


def _as(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token of {role}"}


def test_the_api_describes_itself(server):
    paths = httpx.get(f"{server.service.url}/api/v1/openapi.json").json()["paths"]
    nouns = ("alerts", "devices", "models", "rollouts", "summary", "tickets")
    assert {f"/api/v1/{noun}" for noun in nouns} <= set(paths)


@pytest.mark.parametrize("path", ["devices", "models", "rollouts", "drift", "tickets", "alerts", "summary"])
def test_without_a_token_nothing_is_shown(server, path):
    answer = httpx.get(f"{server.service.url}/api/v1/{path}")
    assert answer.status_code == 401
    assert "log in" in answer.json()["error"]
    assert httpx.get(f"{server.service.url}/api/v1/{path}", headers=_as("viewer")).status_code == 200


@pytest.mark.parametrize(
    ("role", "path", "body", "status"),
    [
        ("viewer", "rollouts", {}, 403),
        ("viewer", "devices", {"device": "x", "site": "s", "line": "l"}, 403),
        ("operator", "devices", {"device": "x", "site": "s", "line": "l"}, 403),
        ("operator", "devices/batch", {"devices": [{"device": "x", "site": "s", "line": "l"}]}, 403),
        ("operator", "rollouts", {"model": "unknown"}, 422),
        ("operator", "rollouts", {"colour": "red"}, 422),
        ("operator", "rollouts/r99/abort", {}, 422),
        ("operator", "rollouts/r99/complete", {}, 404),
        ("viewer", "alerts/1/close", {}, 403),
        ("operator", "alerts/99/close", {}, 404),
        ("operator", "alerts/0/close", {}, 422),
        ("operator", f"alerts/{1 << 63}/close", {}, 422),
        ("operator", "alerts/all/close", {}, 422),
    ],
)
def test_roles_and_bad_orders(server, role, path, body, status):
    answer = httpx.post(f"{server.service.url}/api/v1/{path}", headers=_as(role), json=body)
    assert answer.status_code == status
    assert len(answer.json()["error"].splitlines()) == 1


def test_unknown_things_are_not_found(server):
    for path in ("devices/nobody", "rollouts/r99", "tickets/99"):
        assert httpx.get(f"{server.service.url}/api/v1/{path}", headers=_as("viewer")).status_code in (404, 422)


def test_a_device_reads_the_registry_with_its_password_and_verifies_it(server, credentials, tmp_path):
    auth = (credentials.device, credentials.broker.password)
    base = credentials.registry.url
    assert httpx.get(f"{base}/metadata/timestamp.json").status_code == 401
    assert httpx.get(f"{base}/metadata/timestamp.json", auth=("reader", "guess")).status_code == 401
    for name in ("tuf", "targets"):
        (tmp_path / name).mkdir()
    updater = Updater(
        str(tmp_path / "tuf"),
        f"{base}/metadata/",
        str(tmp_path / "targets"),
        f"{base}/targets/",
        Registry(base, *auth).fetcher(),
        bootstrap=json.dumps(credentials.registry.root).encode(),
    )
    updater.refresh()
    info = updater.get_targetinfo("tiles/1/manifest.json")
    assert info is not None
    manifest = parse_manifest(Path(updater.download_target(info)).read_bytes())
    blob = next(manifest.blobs())
    whole = httpx.get(f"{base}/{blob.path}", auth=auth).content
    assert hashlib.sha256(whole).hexdigest() == blob.digest
    rest = httpx.get(f"{base}/{blob.path}", auth=auth, headers={"Range": "bytes=3-"})
    assert (rest.status_code, rest.content) == (206, whole[3:])


@pytest.mark.parametrize(
    "path", ["metadata/../keys/online.pem", "metadata/root.json", "blobs/sha256/..%2F..", "targets/../../x"]
)
def test_nothing_else_of_the_folder_can_be_read(server, credentials, path):
    auth = (credentials.device, credentials.broker.password)
    assert httpx.get(f"{credentials.registry.url}/{path}", auth=auth).status_code == 404


def test_a_revoked_device_is_shut_out(server):
    gone = server.service.context.enrolment.enrol(NewDevice(device="gone", site="here", line="l1"))
    auth = (gone.device, gone.broker.password)
    url = f"{gone.registry.url}/metadata/timestamp.json"
    assert httpx.get(url, auth=auth).status_code == 200
    server.client.post("/api/v1/devices/gone/revoke")
    assert httpx.get(url, auth=auth).status_code == 401


def test_a_blob_that_lies_about_its_hash_is_refused(server):
    answer = httpx.put(f"{server.service.url}/api/v1/blobs/{'0' * 64}", headers=_as("operator"), content=b"other")
    assert answer.status_code == 422
    assert httpx.put(f"{server.service.url}/api/v1/blobs/x", headers=_as("operator"), content=b"").status_code == 422
    assert (
        httpx.put(f"{server.service.url}/api/v1/blobs/{'0' * 64}", headers=_as("viewer"), content=b"").status_code
        == 403
    )


def test_a_window_that_cannot_be_read_is_acknowledged_counted_and_told(server):
    station = server.station("torn")
    head = {"boot": str(station.boot), "seq": 1, "schema_version": 2}
    payload = zlib.compress(json.dumps({"head": head, "rows": [], "counters": {}}).encode())
    for times in (1, 2):
        station.link.publish(station.credentials.address.topic(Channel.WINDOW), payload, 1, False)
        assert station.wait_acked(1)
        assert eventually(lambda times=times: [r["times"] for r in shown(server)["refusals"]] == [times], 20)
    assert "schema_version" in shown(server)["refusals"][0]["reason"]
    listed = {device["id"]: device["refused"] for device in server.client.get("/api/v1/devices")["devices"]}
    assert (listed["torn"], listed["reader"]) == (1, 0)
    assert eventually(lambda: server.client.get("/api/v1/drift")["windows"].get("refused") == 1, 20)


def shown(server):
    return server.client.get("/api/v1/devices/torn")


def test_a_message_that_cannot_be_read_is_an_alert_until_somebody_closes_it(server):
    station = server.station("garbled")
    topic = station.credentials.address.topic(Channel.REPORTED)
    station.link.publish(topic, b"{", 1, False)
    assert eventually(lambda: alert_of(server, "garbled") is not None, 20)
    alert = alert_of(server, "garbled")
    assert (alert["kind"], alert["device"], alert["times"]) == ("quarantine", "garbled", 1)
    assert alert in server.client.get("/api/v1/summary")["alerts"]
    url = f"{server.service.url}/api/v1/alerts/{alert['id']}/close"
    assert httpx.post(url).status_code == 401
    closed = httpx.post(url, headers=_as("operator"))
    assert (closed.status_code, closed.json()["closed_ms"] is None) == (200, False)
    assert httpx.post(url, headers=_as("operator")).json() == closed.json()
    assert alert_of(server, "garbled") is None
    station.link.publish(topic, b"{", 1, False)
    assert eventually(lambda: alert_of(server, "garbled") is not None, 20)
    assert alert_of(server, "garbled")["times"] == 2


def alert_of(server, subject):
    listed = server.client.get("/api/v1/alerts")
    return next((alert for alert in listed if alert["subject"] == subject), None)


def test_late_joiners_get_the_version_of_the_others(server):
    first = server.station("first")
    rollout = server.rollout(where={"site": "here", "device": "first"})
    assert server.reaches(rollout, "done")
    everyone = server.rollout(stages="100%", deadline_ms=8_000)
    assert server.reaches(everyone, "done")
    late = server.station("late")
    assert eventually(lambda: late.running == first.running)
    assert eventually(
        lambda: {d["device"]: d["status"] for d in server.show(everyone)["devices"]}.get("late") == "committed"
    )
