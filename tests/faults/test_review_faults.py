"""Faults with people in the loop, at the page's API: silence, late answers, and two answers to one part."""

import shutil
import threading
import time

import httpx
import pytest

from edge_agent.contracts.messages import Stream
from edge_agent.home import Home
from edge_agent.journal import outbox
from edge_agent.station.pinbook import PinBook, Role
from tests.simulators.station import PIN, StationHome, serving


@pytest.fixture(scope="module")
def pins(tmp_path_factory):
    book = PinBook(tmp_path_factory.mktemp("pins") / "pins.json")
    for name in ("Anna", "Ben"):
        book.add(name, PIN, Role.OPERATOR)
    return book.path


@pytest.fixture
def station(tmp_path, pins):
    home = StationHome(Home(tmp_path / "station"))
    shutil.copy(pins, home.home.root / "pins.json")
    yield home
    home.journal.database.close()


@pytest.fixture
def running(station):
    with serving(station) as found:
        yield found


@pytest.fixture
def people(running):
    clients = {}
    for name in ("Anna", "Ben"):
        client = httpx.Client(base_url=running.url)
        token = client.post("/api/login", json={"name": name, "pin": PIN}).json()["csrf"]
        client.headers["X-CSRF-Token"] = token
        clients[name] = client
    yield clients
    for client in clients.values():
        client.close()


def answer(client, part, verdict, label=""):
    reply = client.post(f"/api/parts/{part.id}/answer", json={"verdict": verdict, "label": label})
    assert reply.status_code == 200, reply.text
    return reply.json()


def answers(station):
    """Everything a person said, as the journal's events tell it to the fleet."""
    database = station.journal.database
    pages = [outbox.page(database, boot, Stream.EVENT, 0, 100) for boot in outbox.boots(database, Stream.EVENT)]
    return [entry.payload for page in pages for entry in page if b'"kind":"reviewed"' in entry.payload]


@pytest.mark.fault("A20")
def test_a_silent_operator_rejects_the_part_and_a_late_answer_is_a_label_only(station, running, people):
    part = station.hold(seconds=0.4)
    assert [item["part"] for item in people["Anna"].get("/api/queue").json()] == [part.id]
    time.sleep(0.6)
    assert people["Anna"].get("/api/queue").json() == []
    row = station.journal.part(part.id)
    assert (row.final, row.reason, row.operator) == ("reject", "timeout", "")
    assert answer(people["Anna"], part, "accept") == {"outcome": "late", "decided_by": ""}
    assert station.journal.part(part.id) == row
    assert [b'"late":true' in event for event in answers(station)] == [True]
    assert not [message for message in running.sent if message["kind"] == "review_decided"], "the gate heard nothing"


@pytest.mark.fault("A20")
def test_an_answer_at_the_very_end_is_in_time_or_late_but_never_both(station, running, people):
    outcomes = []
    for _ in range(12):
        part = station.hold(seconds=0.08, index=1)
        time.sleep(0.06)
        outcome = answer(people["Anna"], part, "accept")["outcome"]
        row = station.journal.part(part.id)
        outcomes.append((outcome, row.final, row.reason))
    assert set(outcomes) <= {("decided", "accept", "operator"), ("late", "reject", "timeout")}


@pytest.mark.fault("A21")
def test_of_two_operators_the_first_decides_and_the_second_is_told_whom_by(station, running, people):
    part = station.hold()
    assert answer(people["Anna"], part, "accept") == {"outcome": "decided"}
    assert answer(people["Ben"], part, "reject", "pit") == {"outcome": "conflict", "decided_by": "Anna"}
    row = station.journal.part(part.id)
    assert (row.final, row.operator, row.label) == ("accept", "Anna", "ok")
    assert [b'"conflict":true' in event for event in answers(station)] == [False, True]
    assert [m["review"] for m in running.sent if m["kind"] == "review_decided"] == [part.id]


@pytest.mark.fault("A21")
def test_answers_at_the_same_moment_have_one_winner(station, running, people):
    for number in range(8):
        part = station.hold(index=1)
        gate, outcomes = threading.Barrier(2), {}

        def press(name, verdict, label, part=part, gate=gate, outcomes=outcomes):
            gate.wait()
            outcomes[name] = answer(people[name], part, verdict, label)["outcome"]

        threads = [
            threading.Thread(target=press, args=("Anna", "accept", "ok")),
            threading.Thread(target=press, args=("Ben", "reject", "pit")),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes.values()) == ["conflict", "decided"]
        winner = next(name for name, outcome in outcomes.items() if outcome == "decided")
        row = station.journal.part(part.id)
        assert (row.operator, row.final) == (winner, {"Anna": "accept", "Ben": "reject"}[winner])
        assert len(answers(station)) == 2 * (number + 1)
