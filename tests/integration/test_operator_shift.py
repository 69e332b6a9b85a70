"""An operator's shift at the page: five seconds a part, by keys and by touch; undo; what stays hidden."""

from __future__ import annotations

import json

import pytest
import yaml
from playwright.sync_api import expect

from edge_agent.contracts.verdict import Verdict
from edge_agent.journal import checks
from edge_agent.station.known import KnownParts
from tests.conftest import wait_for
from tests.simulators.line import PARTS, SCRATCHED
from tests.simulators.screens import SMALL, decided, final, in_hand, log_in
from tests.simulators.station import GOOD

pytestmark = pytest.mark.slow
DEADLINE_S = 5.0
PARTS_IN_SHIFT = 8
HINDRANCES = {
    "no-camera": {"camera": "usb:0: gone", "why": "usb:0: gone"},
    "camera-starting": {"camera": "not started", "why": "not started"},
    "ended": {"camera": "no more", "finished": True, "why": "no more"},
    "no-model": {"bundle": None, "why": "no model is installed"},
    "journal": {"journal": "disk full", "why": "disk full"},
    "plc": {"plc": "no answer", "why": "no answer"},
    "not-ready": {"why": "the recipe is being changed"},
}


@pytest.fixture
def settings(station):
    """Change the station's settings; to be asked for before `screen`."""

    def change(**sections):
        known = yaml.safe_load(station.home.config.read_text())
        for name, keys in sections.items():
            known[name] = {**known.get(name, {}), **keys}
        station.home.config.write_text(yaml.safe_dump(known))

    return change


@pytest.fixture
def german(settings):
    settings(ui={"language": "de"})


@pytest.fixture
def at_once(settings):
    settings(ui={"undo_s": 0})


@pytest.fixture
def asked(settings, station):
    """Every part is followed by a known one, and shown to a second person."""
    settings(checks={"known_share": 1.0, "second_share": 1.0, "second_after_s": 0})
    return KnownParts(station.home.known).add(PARTS / SCRATCHED, Verdict.REJECT, "scratch", 1)[0]


def by_keys(page, verdict, label):
    page.keyboard.press("a" if verdict == "accept" else "12"[label == "pit"])


def by_touch(page, verdict, label):
    page.locator(f"#do-{verdict}").tap()
    if verdict == "reject":
        page.locator("#reasons").get_by_role("button", name=label).tap()


@pytest.mark.parametrize("hand", [by_keys, by_touch], ids=["keys", "touch"])
def test_a_shift_under_five_seconds_a_part(station, screen, hand):
    page = screen("Anna", size=SMALL, touch=hand is by_touch)
    wanted = [("accept", GOOD), ("reject", "scratch"), ("reject", "pit"), ("accept", GOOD)] * (PARTS_IN_SHIFT // 4)
    parts = [station.hold(seconds=DEADLINE_S, index=number) for number in range(2)]
    for number, (verdict, label) in enumerate(wanted):
        in_hand(page, parts[number])
        hand(page, verdict, label)
        if len(parts) < len(wanted):
            parts.append(station.hold(seconds=DEADLINE_S, index=len(parts)))
    for part, (verdict, label) in zip(parts, wanted, strict=True):
        assert decided(station, part) == (verdict, "operator", label, "Anna")
    tallies = station.journal.tallies()
    assert (tallies["review.decided"], tallies["review.held"]) == (PARTS_IN_SHIFT, PARTS_IN_SHIFT)
    assert "reason.timeout" not in tallies


def test_a_digit_rejects_with_that_kind_of_defect(station, screen):
    page = screen("Anna")
    part = station.hold()
    in_hand(page, part)
    page.keyboard.press("9")
    page.keyboard.press("2")
    assert decided(station, part) == ("reject", "operator", "pit", "Anna")


def test_undo_takes_back_one_after_the_other_and_every_step_is_in_the_journal(station, settings, screen):
    page = screen("Anna")
    first, second = station.hold(index=4), station.hold(seconds=25, index=7)
    in_hand(page, first)
    page.keyboard.press("a")
    in_hand(page, second)
    page.keyboard.press("1")
    expect(page.locator("#undo")).to_contain_text("Rejected P-00002")
    page.keyboard.press("u")
    in_hand(page, second)
    expect(page.locator("#undo")).to_contain_text("Accepted P-00001")
    page.keyboard.press("u")
    in_hand(page, first)
    withdrawn = [station.journal.database.rows("withdrawn_answers", part=part.id) for part in (first, second)]
    assert [(who, verdict) for ((who, verdict, *_),) in withdrawn] == [("Anna", "accept"), ("Anna", "reject")]
    assert final(station, first)[0] is None


def test_after_its_time_undo_says_plainly_why_not(station, screen):
    page = screen("Anna")
    page.keyboard.press("u")
    expect(page.locator("#toast")).to_have_text("There is nothing to take back.")
    part = station.hold()
    in_hand(page, part)
    page.keyboard.press("a")
    decided(station, part)
    station.journal.driven(part.id)
    expect(page.locator("#undo")).to_contain_text("P-00001 has gone on")
    page.keyboard.press("u")
    expect(page.locator("#toast")).to_have_text("Too late to take back: the gate has moved for this part.")
    assert final(station, part)[:2] == ("accept", "operator")


def test_a_station_that_wants_no_undo_decides_at_once(station, at_once, screen):
    page = screen("Anna")
    part = station.hold()
    in_hand(page, part)
    page.keyboard.press("a")
    assert decided(station, part, 1.0)[0] == "accept"
    assert "review.held" not in station.journal.tallies()


def test_in_shadow_the_page_shows_no_opinion_until_the_part_is_decided(station, screen):
    page = screen("Anna")
    screen.running.pause()
    screen.running.healthy(mode="shadow")
    bodies = []
    page.on("response", lambda answer: bodies.append(answer) if "/api/parts" in answer.url else None)
    part = station.hold()
    in_hand(page, part)
    expect(page.locator("#opinion")).to_contain_text("Your decision, without the machine's opinion")
    page.keyboard.press("h")
    expect(page.locator("#heat")).to_be_disabled()
    expect(page.locator("#overlay")).to_be_hidden()
    assert "0.47" not in page.evaluate("fetch('/api/recent').then((a) => a.text())")
    assert not bodies
    page.keyboard.press("a")
    decided(station, part)
    recent = json.loads(page.evaluate("fetch('/api/recent').then((a) => a.text())"))
    assert recent[0]["score"] == 0.47


def test_a_known_part_looks_like_the_others_and_ends_up_in_the_report_only(station, asked, screen):
    page = screen("Anna")
    real = station.hold()
    in_hand(page, real)
    page.keyboard.press("a")
    before = decided(station, real)
    journal, boot = station.journal.database, str(station.boot)
    wait_for(lambda: checks.shown(journal, "Anna", boot, station.clock.monotonic()), 20, "a question")
    expect(page.locator("#do-accept")).to_be_visible(timeout=15_000)
    assert page.locator("#serial").text_content().startswith("P-")
    expect(page.locator("#heat")).to_be_enabled()
    expect(page.locator("#budget output")).to_contain_text("s")
    parts, tallies = station.journal.recent(9), station.journal.tallies()
    page.keyboard.press("1")
    expect(page.locator("#undo")).to_contain_text("Rejected")
    expect(page.locator("#calm")).to_be_visible()
    assert (station.journal.recent(9), station.journal.tallies(), final(station, real)) == (parts, tallies, before)
    page.goto(f"{screen.running.url}report")
    expect(page.locator("main")).to_contain_text("People")
    expect(page.locator("#checks")).to_have_count(0)
    supervisor = screen("Chiara")
    supervisor.goto(f"{screen.running.url}report")
    expect(supervisor.locator("#checks")).to_contain_text("1 of 1")
    expect(supervisor.locator("#checks")).to_contain_text("100")


@pytest.mark.parametrize(("language", "words"), [("en-GB", "Nothing to decide"), ("de-AT", "Nichts zu entscheiden")])
def test_the_page_speaks_the_browsers_language(station, screen, language, words):
    page = screen("Anna", language=language)
    expect(page.locator("#calm")).to_contain_text(words)


def test_the_stations_language_comes_first_and_a_persons_choice_before_it(station, german, screen):
    page = screen("Anna", language="en-GB")
    expect(page.locator("#calm")).to_contain_text("Nichts zu entscheiden")
    page.locator("#language").click()
    page.reload()
    expect(page.locator("#calm")).to_contain_text("Nothing to decide")


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_reason_why_the_station_is_not_ready_is_said_in_words(station, screen, language):
    page = screen("Anna", language=language)
    screen.running.pause()
    texts = page.evaluate(f"fetch('/static/{language}.json').then((a) => a.json())")
    for code, health in HINDRANCES.items():
        screen.running.healthy(ready=False, **health)
        expect(page.locator("#warning span")).to_contain_text(texts[f"why_{code}"])
        expect(page.locator("#warning small")).to_have_text(health["why"])
    expect(page.locator("#warning span")).to_contain_text(texts["why_silent"], timeout=9000)


def test_the_first_load_transfers_little(station, browser, screen):
    context = browser.new_context()
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(screen.running.url)
    log_in(page, "Anna")
    expect(page.locator("#calm")).to_be_visible()
    context.close()
    assert 10_000 < sum(sizes) <= 150_000, sum(sizes)
