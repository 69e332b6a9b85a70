"""Degree of automation, challenge parts and audits at the page's API."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from edge_agent.automation.ledger import last_change, read_evidence, record
from edge_agent.challenge import record as challenges
from edge_agent.contracts.events import Reviewed
from edge_agent.contracts.messages import Stream
from edge_agent.contracts.verdict import Automation, Reason, Verdict
from edge_agent.decision.automation import followed
from edge_agent.decision.challenge import Moment
from edge_agent.decision.sampling import Sampled, Scheme
from edge_agent.journal import outbox
from edge_agent.journal.journal import Decision

WHY = {"why": "four weeks of audits"}


def begin(desk: Any, word: Automation = Automation.PARTIAL) -> None:
    database = desk.station.journal.database
    change = followed(None, word, "recipe")
    assert change is not None
    with database.transaction():
        record(database, desk.station.boot, change, 1)


def audited(desk: Any, opinion: Verdict, answer: Verdict | None, count: int, training: bool = True) -> list[Any]:
    """Parts that the machine decided, drawn for the audit, and what a person said."""
    made = []
    database = desk.station.journal.database
    for _ in range(count):
        image, _ = desk.station.picture(desk.station.parts % 4)
        drawn = Sampled(opinion, Scheme.UNIFORM, 0.1, training)
        decision = Decision(opinion, Reason.MODEL, score=0.1, bundle=desk.station.bundle, image=image, sample=drawn)
        part = desk.station.decide(decision)
        row = {"digest": image, "class": 3, "bytes": 1, "stored_ms": 1, "upload": "no", "probability": 0.1}
        with database.transaction():
            database.run("add_image", **row, part=part.id)
            if answer is not None:
                said = {"operator": "Anna", "verdict": answer.value, "label": "", "at_ms": 1}
                database.run("add_answer", part=part.id, **said, late=0, conflict=0)
        made.append(part)
    return made


def test_a_promotion_needs_the_supervisor_and_the_evidence(desk: Any) -> None:
    begin(desk)
    anna, chiara = desk.browser("Anna"), desk.browser("Chiara")
    assert anna.post("/api/automation/promote", json=WHY).status_code == 403
    refused = chiara.post("/api/automation/promote", json=WHY)
    assert refused.status_code == 409
    assert "partial cannot go to full yet: 300 more answered parts needed" in refused.json()["error"]
    audited(desk, Verdict.ACCEPT, Verdict.ACCEPT, 320)
    found = anna.get("/api/automation").json()
    assert (found["degree"], found["next"], found["allowed"]) == ("partial", "full", True)
    assert chiara.post("/api/automation/promote", json=WHY).json() == {"before": "partial", "after": "full"}
    change = last_change(desk.station.journal.database)
    assert change is not None
    assert (change.who, change.why) == ("Chiara", WHY["why"])
    assert {"to": "hot", "kind": "look"} in desk.sent


def test_everybody_may_lower_and_nobody_raises_by_it(desk: Any) -> None:
    begin(desk)
    anna = desk.browser("Anna")
    assert anna.post("/api/automation/lower", json={"degree": "partial", **WHY}).status_code == 409
    assert anna.post("/api/automation/lower", json={"degree": "shadow", **WHY}).json()["after"] == "shadow"
    assert desk.program().post("/api/automation/lower", json={"degree": "human", **WHY}).status_code == 403


def test_an_audit_answer_is_blind_measures_and_keeps_its_mark(desk: Any) -> None:
    begin(desk)
    held_out = audited(desk, Verdict.ACCEPT, None, 1, training=False)[0]
    anna = desk.browser("Anna")
    asked = anna.get("/api/audits").json()
    assert [item["part"] for item in asked] == [held_out.id]
    assert not {"score", "verdict", "label", "opinion"} & set(asked[0])
    answer = anna.post(f"/api/audits/{held_out.id}", json={"verdict": "reject", "label": "pit"})
    assert answer.json() == {"outcome": "audited", "demoted": None}
    assert anna.get("/api/audits").json() == []
    database = desk.station.journal.database
    told = outbox.page(database, desk.station.boot, Stream.EVENT, 0, 99)[-1]
    event = Reviewed.model_validate_json(told.payload)
    assert (event.sampled, event.training, event.machine) == ("audit", False, Verdict.ACCEPT)
    assert read_evidence(database, desk.station.bundle, 99).escapes == 1
    again = anna.post(f"/api/audits/{held_out.id}", json={"verdict": "accept"})
    assert again.json()["outcome"] == "conflict"
    assert read_evidence(database, desk.station.bundle, 99).escapes == 1, "the first answer is the evidence"
    plain = desk.station.pass_by(Verdict.ACCEPT)
    assert anna.post(f"/api/audits/{plain.id}", json={"verdict": "accept"}).status_code == 404


def test_too_many_escapes_lower_the_degree(desk: Any) -> None:
    begin(desk)
    audited(desk, Verdict.ACCEPT, Verdict.ACCEPT, 60)
    audited(desk, Verdict.ACCEPT, Verdict.REJECT, 3)
    last = audited(desk, Verdict.ACCEPT, None, 1)[0]
    anna = desk.browser("Anna")
    said = anna.post(f"/api/audits/{last.id}", json={"verdict": "reject", "label": "pit"}).json()
    assert said["demoted"] == "assist"
    change = last_change(desk.station.journal.database)
    assert change is not None
    assert "people called 4 of 64 audited accepted parts defective" in change.why
    assert desk.browser("Ben").get("/api/automation").json()["evidence"]["answered"] == 0, "evidence begins anew"


def lock(desk: Any) -> None:
    database, station = desk.station.journal.database, desk.station
    for number, why in ((0, ""), (3, "the machine accepts it")):
        for _ in range(number):
            station.pass_by(Verdict.ACCEPT)
        part = station.pass_by(Verdict.REJECT, Reason.CHALLENGE)
        with database.transaction():
            at = Moment(part.id, str(station.boot), station.bundle, 1.0, 1)
            challenges.present(database, "CH-BAD", Verdict.REJECT, at)
        challenges.conclude(database, station.boot, "CH-BAD", part.id, why, 2)


def test_a_lock_shows_the_parts_in_doubt_and_opens_for_a_supervisor(desk: Any) -> None:
    lock(desk)
    anna, chiara = desk.browser("Anna"), desk.browser("Chiara")
    assert anna.get("/api/challenge").json()["lock"]["suspects"] == 3
    assert anna.post("/api/challenge/unlock", json=WHY).status_code == 403
    rows = list(csv.DictReader(io.StringIO(anna.get("/challenge/suspects.csv").text)))
    assert [row["serial"] for row in rows] == ["P-00002", "P-00003", "P-00004"]
    desk.hear(ready=False, why="locked since challenge part CH-BAD failed: it", challenge="locked")
    assert anna.get("/api/status").json()["code"] == "locked"
    metrics = desk.program().get("/metrics").text
    assert "lineside_locked 1" in metrics
    assert "lineside_automation_degree 3" in metrics
    refused = chiara.post("/api/automation/promote", json=WHY)
    assert "the station is locked" in refused.json()["error"]
    assert chiara.post("/api/challenge/unlock", json=WHY).json() == {"unlocked": "CH-BAD"}
    assert chiara.post("/api/challenge/unlock", json=WHY).status_code == 409
    assert "Chiara" in anna.get("/challenge").text


def test_only_configured_parts_can_be_started(desk: Any) -> None:
    refused = desk.browser("Anna").post("/api/challenge/start", json={"part": "CH-X"})
    assert refused.status_code == 409
    assert "no challenge part 'CH-X'" in refused.json()["error"]


@pytest.mark.parametrize("name", ["automation", "challenge", "audit"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_the_pages_need_a_login_and_speak_both_languages(desk: Any, name: str, language: str) -> None:
    begin(desk)
    lock(desk)
    audited(desk, Verdict.ACCEPT, None, 1)
    stranger = desk.browser().get(f"/{name}")
    assert (stranger.status_code, stranger.headers["location"]) == (303, f"/?next={name}")
    page = desk.browser("Chiara").get(f"/{name}?lang={language}")
    assert page.status_code == 200
    assert "http://" not in page.text.replace("http://www.w3.org", "")
