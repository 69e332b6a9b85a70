"""Triggers by HTTP, and what is wrong with a request: who is answered what, and when."""

from __future__ import annotations

import threading

import pytest

from edge_agent.home import replace_json


def test_a_station_whose_triggers_cannot_come_is_not_ready(desk):
    desk.hear()
    for trouble, status in (("the broker refuses: Not authorized", 503), ("", 200)):
        replace_json(desk.station.home.station, {"status": {"uplink": {"trigger": trouble, "outputs": {}}}})
        answer = desk.browser().get("/readyz")
        assert (answer.status_code, trouble in desk.browser("Anna").get("/api/status").json()["detail"]) == (
            status,
            True,
        )
        assert "broker" in answer.text if trouble else answer.json() == {"ready": True}
        assert "authorized" not in answer.text, "strangers are told no more than they need"


def test_a_trigger_goes_to_hot_and_brings_the_verdict_back(desk):
    anna = desk.browser("Anna")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(anna.post("/api/trigger", json={"serial": "X1"})))
    thread.start()
    while not desk.sent:
        thread.join(0.01)
    message = desk.sent[0]
    assert (message["to"], message["kind"], message["serial"]) == ("hot", "trigger", "X1")
    assert message["at"] == desk.clock.seconds
    reply = {"to": "ui", "kind": "triggered", "request": message["request"], "part": 1, "verdict": "accept"}
    desk.app.triggers.hear(reply)
    thread.join(5)
    assert answers[0].json() == {"part": 1, "verdict": "accept"}


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        ({"bounced": True}, 409, "trigger.debounce_ms"),
        ({"unwritten": "journal.db: disk is full"}, 503, "rejected and cannot be written down"),
    ],
)
def test_a_trigger_that_makes_no_part_is_answered_at_once(desk, said, status, words):
    anna = desk.browser("Anna")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(anna.post("/api/trigger")))
    thread.start()
    while not desk.sent:
        thread.join(0.01)
    desk.app.triggers.hear({"to": "ui", "kind": "triggered", "request": desk.sent[0]["request"], **said})
    thread.join(2)
    assert answers, "it does not wait for the five seconds that a silent process gets"
    assert (answers[0].status_code, words in answers[0].json()["error"]) == (status, True)


def test_a_stranger_hears_nothing_of_what_is_wrong_with_a_request(desk):
    stranger, anna = desk.browser(), desk.browser("Anna")
    for path, body in (("/api/trigger", b"junk"), ("/api/parts/one/undo", b""), ("/api/parts/1/answer", b"{}")):
        assert stranger.post(path, content=body).status_code == 401
        assert anna.post(path, content=body).status_code == 422
    assert stranger.post("/api/login", content=b"{}").status_code == 422, "who wants to log in does"


@pytest.mark.parametrize("part", ["99999999999999999999999", "-99999999999999999999999", "one"])
def test_a_part_number_that_no_journal_has_is_refused(desk, part):
    anna = desk.browser("Anna")
    assert anna.get(f"/api/parts/{part}/heatmap").status_code == 422
    assert anna.post(f"/api/parts/{part}/answer", json={"verdict": "accept"}).status_code == 422
    assert anna.post(f"/api/parts/{part}/undo").status_code == 422
    assert anna.post(f"/api/audits/{part}", json={"verdict": "accept"}).status_code == 422
