"""The operator page in trouble and in words: lost pictures, an ended session, warnings, the audit, languages."""

from __future__ import annotations

import re

import pytest
import yaml
from playwright.sync_api import expect

from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.decision.sampling import Sampled, Scheme
from edge_agent.journal.journal import Decision
from tests.simulators.screens import CRAMPED, SMALL, decided, in_hand, log_in
from tests.simulators.station import PIN

pytestmark = pytest.mark.slow
DRIFT = "the fleet sees drift (t-0001): the parts look different from training: score moved by +2.1 deviations"


def test_a_warning_leads_to_where_something_can_be_done(station, screen):
    page = screen("Anna")
    screen.running.pause()
    for health, page_name in (
        ({"lowered": DRIFT, "caution": DRIFT}, "automation"),
        ({"lowered": "challenge part CH-1 failed: the machine accepts it"}, "automation"),
        ({"ready": False, "challenge": "locked", "why": "locked since CH-1 failed"}, "challenge"),
        ({"ready": False, "challenge": "challenge", "why": "challenge part CH-1 is due"}, "challenge"),
    ):
        screen.running.healthy(**health)
        link = page.locator("#warning a")
        expect(link).to_have_attribute("href", f"/{page_name}?lang=en")
        expect(link).to_be_visible()
    screen.running.healthy(ready=False, plc="away", why="the PLC does not answer")
    expect(page.locator("#warning a")).to_be_hidden()
    screen.running.healthy()
    expect(page.locator("#warning")).to_be_hidden()


def test_a_picture_that_cannot_be_loaded_is_tried_again_and_nobody_decides_unseen(station, screen):
    page = screen("Anna")
    expect(page.locator("#calm")).to_be_visible()
    page.route("**/api/images/*", lambda route: route.abort())
    part = station.hold(seconds=60, index=4)
    expect(page.locator("#no-picture")).to_have_text("The picture could not be loaded. Trying again …")
    expect(page.locator("#do-accept")).to_be_disabled()
    page.keyboard.press("a")
    page.unroute("**/api/images/*")
    in_hand(page, part)
    expect(page.locator("#frame")).to_be_visible()
    expect(page.locator("#no-picture")).to_be_hidden()
    page.keyboard.press("a")
    assert decided(station, part)[0] == "accept"


def test_a_part_whose_picture_is_gone_can_be_decided_by_who_holds_it(station, screen):
    part = station.hold(seconds=60, index=4)
    for path in station.home.images.rglob("*.png"):
        path.unlink()
    page = screen("Anna")
    in_hand(page, part)
    expect(page.locator("#no-picture")).to_have_text("No picture was kept of this part")
    page.keyboard.press("a")
    assert decided(station, part)[0] == "accept"


def test_an_ended_session_leads_to_the_log_in_and_back(station, screen):
    page = screen("Anna")
    part = station.hold(seconds=60, index=4)
    in_hand(page, part)
    page.context.clear_cookies()
    page.keyboard.press("a")
    expect(page.locator("#login-answer")).to_have_text("You were logged out")
    assert station.journal.part(part.id).final is None
    log_in(page, "Anna")
    in_hand(page, part)
    page.goto(f"{screen.running.url}automation")
    page.context.clear_cookies()
    page.evaluate("import('/static/api.js').then((api) => api.get('/api/automation').catch(() => 0))")
    expect(page).to_have_url(re.compile(r"/\?next=automation$"))
    expect(page.locator("#names")).to_be_visible()
    page.get_by_role("button", name="Anna").click()
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/automation\?lang=en$"))


def test_who_has_nothing_to_decide_is_told_of_the_audit(station, screen):
    digest, _ = station.picture(3)
    drawn = Sampled(Verdict.ACCEPT, Scheme.UNIFORM, 0.2, True)
    accepted = Decision(Verdict.ACCEPT, Reason.MODEL, score=0.1, bundle=station.bundle, image=digest, sample=drawn)
    part = station.decide(accepted)
    row = {"digest": digest, "class": 3, "bytes": 9, "stored_ms": 1, "upload": "no", "probability": 0.2}
    with station.journal.database.transaction():
        station.journal.database.run("add_image", **row, part=part.id)
    page = screen("Ben", language="de-DE", size=SMALL)
    link = page.locator("#to-audits")
    expect(link).to_have_text("Ein gezogenes Teil wartet auf eine Antwort.")
    assert page.evaluate(CRAMPED) == []
    link.click()
    expect(page.locator("body")).to_contain_text("Das ist das letzte Teil")
    page.get_by_role("button", name="Gut").click()
    expect(page.locator("body")).to_contain_text("Kein gezogenes Teil wartet")
    page.goto(f"{screen.running.url}report?lang=de")
    expect(page.locator("body")).to_contain_text("Stichprobe")
    row = page.locator("tr", has_text="Ben").locator("td")
    assert row.all_inner_texts() == ["0", "0", "0", "0", "0", "1"], "the audit decides nothing"


def test_numbers_are_written_as_the_language_writes_them(station, screen):
    for verdict in (Verdict.ACCEPT, Verdict.ACCEPT, Verdict.REJECT):
        station.pass_by(verdict)
    page = screen("Anna", language="de-DE")
    expect(page.locator("#yield")).to_have_text("66,7 %")
    in_hand(page, station.hold(index=4))
    expect(page.locator("#budget output")).to_have_text(re.compile(r"^\d+,\d s$"))


@pytest.fixture
def patient(station):
    """A station at which an answer can be taken back for long."""
    station.home.config.write_text(yaml.safe_dump({"ui": {"port": 0, "undo_s": 30}}))
    return station


def test_a_part_that_was_just_decided_does_not_still_wait_for_a_person(patient, screen):
    page = screen("Anna")
    part = patient.hold(seconds=60, index=4)
    in_hand(page, part)
    page.keyboard.press("a")
    expect(page.locator("#undo span")).to_have_text("Accepted P-00001 – undo")
    patient.pass_by(Verdict.ACCEPT)
    expect(page.locator("#parts")).to_have_text("2")
    expect(page.locator("#calm")).to_be_visible()
    expect(page.locator("#stamp")).to_be_hidden()


def test_a_scanner_finds_one_part_after_the_other(station, screen):
    for _ in range(3):
        station.pass_by(Verdict.ACCEPT)
    page = screen("Anna")
    page.locator("#to-search").click()
    for serial in ("P-00002", "P-00003", "P-00001"):
        page.wait_for_load_state()
        page.keyboard.type(serial)
        page.keyboard.press("Enter")
        expect(page.locator(".trace h2")).to_contain_text(serial)
        expect(page.locator(".hits h2")).to_have_text("One part")


@pytest.fixture
def named(station):
    """A station that has names for its model's labels."""
    labels = {"scratch": {"en": "Scratch", "de": "Kratzer"}, "pit": {"de": "Grube <i>"}}
    station.home.config.write_text(yaml.safe_dump({"ui": {"port": 0, "labels": labels}}))
    return station


def test_labels_are_read_in_the_words_of_the_people(named, screen):
    page = screen("Anna", language="de-DE")
    part = named.hold(seconds=60, index=4)
    in_hand(page, part)
    expect(page.locator("#opinion b")).to_have_text("Kratzer")
    page.keyboard.press("r")
    expect(page.locator("#reasons ol")).to_contain_text("Grube <i>")
    page.locator("#language").click()
    expect(page.locator("#reasons ol")).to_contain_text("Scratch")
    expect(page.locator("#reasons ol")).to_contain_text("pit")
    page.keyboard.press("2")
    assert decided(named, part) == ("reject", "operator", "pit", "Anna")
    expect(page.locator("#stamp")).to_contain_text("Rejected · pit – by Anna")
    for path in ("report", f"search?serial=P-{part.seq:05d}", "try"):
        page.goto(f"{screen.running.url}{path}{'&' if '?' in path else '?'}lang=de")
        expect(page.locator("body")).to_contain_text("Grube <i>" if path != "try" else "Bild")
