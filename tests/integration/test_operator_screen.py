"""The operator page as a screen: log-in, size, languages, speed, and what it says when something is wrong."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from edge_agent.contracts.verdict import Detail, Reason, Verdict
from edge_agent.journal.journal import Decision
from edge_agent.station.pinbook import PinBook
from tests.simulators.screens import CRAMPED, LARGE, SMALL, final, in_hand, log_in
from tests.simulators.station import PIN, serving

pytestmark = pytest.mark.slow


def test_wrong_pins_are_refused_and_lock_the_name(station, screen):
    page = screen(touch=True)
    page.get_by_role("button", name="Anna").tap()
    for left in (4, 3, 2, 1):
        for _ in range(4):
            page.locator("#keys button", has_text="0").tap()
        page.locator("#keys .go").tap()
        expect(page.locator("#login-answer")).to_have_text(f"Wrong PIN. {left} more tries.")
    page.keyboard.type("0000")
    page.keyboard.press("Enter")
    expect(page.locator("#login-answer")).to_contain_text("Too many wrong PINs for Anna. Wait 3")
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#login-answer")).to_contain_text("Too many wrong PINs")
    expect(page.locator("#desk")).to_be_hidden()
    log_in(page, "Ben")


def test_without_pins_the_page_says_how_to_add_one_and_goes_on_by_itself(station, screen):
    book = station.home.root / "pins.json"
    text = book.read_text()
    book.unlink()
    page = screen()
    expect(page.locator("#nobody")).to_contain_text(f"edge-agent pin add NAME --home {station.home.root}")
    book.write_text(text)
    log_in(page, "Chiara")


@pytest.mark.parametrize("size", [LARGE, SMALL], ids=["1280x800", "1024x600"])
@pytest.mark.parametrize("language", ["en-GB", "de-DE"])
def test_everything_fits_and_can_be_hit_by_a_finger(station, screen, size, language):
    for number in range(6):
        station.pass_by(Verdict.REJECT if number == 3 else Verdict.ACCEPT)
    page = screen("Chiara", size=size, touch=True, language=language, theme="light")
    part = station.hold(index=4)
    station.hold(index=7)
    in_hand(page, part)

    def cramped():
        return page.evaluate(CRAMPED)

    assert cramped() == []
    page.locator("#do-reject").tap()
    assert cramped() == []
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    expect(page.locator("html")).to_have_attribute("lang", language[:2])


def test_the_language_and_the_theme_are_switched_and_kept(station, screen):
    page = screen("Anna")
    expect(page.locator("#calm")).to_contain_text("Nothing to decide")
    page.locator("#language").click()
    expect(page.locator("#calm")).to_contain_text("Nichts zu entscheiden")
    page.locator("#theme").click()
    page.reload()
    expect(page.locator("#calm")).to_contain_text("Nichts zu entscheiden")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_a_new_part_is_on_the_screen_within_300_ms(station, screen):
    page = screen("Anna")
    expect(page.locator("#calm")).to_be_visible()
    delays = []
    for _ in range(5):
        page.evaluate(
            """() => { window.seen = new Promise((done) => new MutationObserver((_, watch) => {
                watch.disconnect();
                done(Date.now());
            }).observe(document.getElementById("strip"), { childList: true })); }"""
        )
        written = time.time()
        station.pass_by(Verdict.ACCEPT)
        delays.append(page.evaluate("() => window.seen") / 1000 - written)
    assert sorted(delays)[2] < 0.3, delays


def test_the_page_says_in_plain_words_why_the_station_is_not_ready(station, screen):
    page = screen("Anna")
    expect(page.locator("#ready")).to_contain_text("Ready")
    screen.running.pause()
    screen.running.healthy(ready=False, camera="gone", why="usb:0: gone")
    expect(page.locator("#warning")).to_contain_text("The camera gives no picture. Parts are rejected")
    expect(page.locator("#ready")).to_contain_text("Not ready")
    station.pass_by(Verdict.REJECT, Reason.NO_IMAGE)
    expect(page.locator("#stamp")).to_contain_text("Rejected")
    expect(page.locator("#stamp")).to_contain_text("no picture")
    station.decide(Decision(Verdict.REJECT, Reason.BAD_IMAGE, detail=Detail.BLURRED))
    expect(page.locator("#stamp")).to_contain_text("picture blurred")
    screen.running.healthy(ready=False, camera_unset="exposure is 1 us", why="exposure is 1 us", bundle="b")
    expect(page.locator("#warning")).to_contain_text("The camera is not set as the recipe says")


def test_a_part_that_is_held_for_its_serial_says_so(station, screen):
    page = screen("Anna")
    in_hand(page, station.hold(reason=Reason.NO_ID))
    expect(page.locator("#opinion small")).to_have_text("no serial")


def test_a_removed_person_is_out_at_once(station, screen):
    page = screen("Ben")
    PinBook(station.home.root / "pins.json").remove("Ben")
    expect(page.locator("#login")).to_be_visible(timeout=6000)
    expect(page.locator("#login-answer")).to_have_text("You were logged out")


def test_a_lost_station_is_said_and_nothing_pressed_counts(browser, station):
    with serving(station) as running:
        context = browser.new_context(viewport=LARGE)
        page = context.new_page()
        page.goto(running.url)
        log_in(page, "Anna")
        part = station.hold()
        in_hand(page, part)
    expect(page.locator("#lost")).to_be_visible(timeout=9000)
    page.keyboard.press("a")
    expect(page.locator("#undo")).to_be_disabled()
    context.close()
    assert final(station, part)[0] is None
