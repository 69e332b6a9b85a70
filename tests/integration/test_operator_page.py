"""The operator page in a real headless Chromium: keys, touch, time, undo, log-in, languages, lost connection."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect, sync_playwright

from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.home import Home
from edge_agent.station.pinbook import PinBook, Role
from tests.conftest import CHROMIUM_FLAGS, wait_for
from tests.simulators.station import PIN, StationHome, serving

LARGE, SMALL = {"width": 1280, "height": 800}, {"width": 1024, "height": 600}
pytestmark = pytest.mark.slow
CRAMPED = """() => {
    const small = (r) => r.width < 48 || r.height < 48;
    const outside = (r) => r.left < 0 || r.top < 0 || r.right > innerWidth + 1 || r.bottom > innerHeight + 1;
    const clipped = (b) => b.closest("#strip") && b.offsetTop > document.getElementById("strip").offsetTop + 8;
    return [...document.querySelectorAll("button")]
        .filter((b) => b.offsetParent && !clipped(b))
        .map((b) => [b.id || b.textContent, b.getBoundingClientRect()])
        .filter(([, r]) => small(r) || outside(r))
        .map(([name, r]) => `${name} ${Math.round(r.width)}x${Math.round(r.height)}`);
}"""


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def pins(tmp_path_factory):
    book = PinBook(tmp_path_factory.mktemp("pins") / "pins.json")
    for name, role in (("Anna", Role.OPERATOR), ("Ben", Role.OPERATOR), ("Chiara", Role.SUPERVISOR)):
        book.add(name, PIN, role)
    return book.path


@pytest.fixture
def station(tmp_path, pins):
    home = StationHome(Home(tmp_path / "station"))
    shutil.copy(pins, home.home.root / "pins.json")
    yield home
    home.journal.database.close()


@pytest.fixture
def screen(browser, station):
    """Open screens at the station; at the end none may have had a script error or asked another host."""
    troubles = []
    with ExitStack() as open_ones:
        running = open_ones.enter_context(serving(station))

        def opened(name="", size=LARGE, touch=False, theme="dark", language="en-GB"):
            context = browser.new_context(viewport=size, has_touch=touch, color_scheme=theme, locale=language)
            open_ones.callback(context.close)
            page = context.new_page()
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("console", lambda m: troubles.append(m.text) if "Content Security Policy" in m.text else None)
            page.on("request", lambda r: None if r.url.startswith(running.url) else troubles.append(r.url))
            page.goto(running.url)
            if name:
                log_in(page, name)
            return page

        opened.running = running
        yield opened
    assert troubles == []


def log_in(page, name):
    page.get_by_role("button", name=name).click()
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#desk")).to_be_visible()


def final(station, part):
    row = station.journal.part(part.id)
    return row.final, row.reason, row.label, row.operator


def decided(station, part, seconds=6.0):
    wait_for(lambda: station.journal.part(part.id).final is not None, seconds, "a final verdict")
    return final(station, part)


def in_hand(page, part):
    """The part is shown, with its picture, and can be decided."""
    expect(page.locator("#serial")).to_have_text(f"P-{part.seq:05d}")
    expect(page.locator("#do-accept")).to_be_enabled()


def test_a_part_is_accepted_by_key_after_a_moment_for_undo(station, screen):
    page = screen("Anna")
    expect(page.locator("#calm")).to_be_visible()
    part = station.hold()
    in_hand(page, part)
    page.keyboard.press("a")
    assert final(station, part)[0] is None, "undo is honest: nothing was sent yet"
    expect(page.locator("#undo")).to_contain_text("Accepted P-00001")
    assert decided(station, part) == ("accept", "operator", "ok", "Anna")
    expect(page.locator("#stamp")).to_contain_text("Accepted – by Anna")


def test_a_part_is_rejected_by_touch_with_its_reason(station, screen):
    page = screen("Ben", size=SMALL, touch=True)
    part = station.hold()
    in_hand(page, part)
    page.locator("#do-reject").tap()
    page.get_by_role("button", name="pit").tap()
    assert decided(station, part) == ("reject", "operator", "pit", "Ben")


def test_reject_by_key_and_digit_and_the_suggested_label_by_enter(station, screen):
    page = screen("Anna")
    first = station.hold(index=4)
    in_hand(page, first)
    page.keyboard.press("r")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    page.keyboard.press("2")
    assert decided(station, first) == ("reject", "operator", "pit", "Anna")
    second = station.hold(index=7, label="scratch")
    in_hand(page, second)
    page.keyboard.press("r")
    page.keyboard.press("Enter")
    assert decided(station, second) == ("reject", "operator", "scratch", "Anna")


def test_undo_takes_an_answer_back_and_the_other_one_counts(station, screen):
    page = screen("Anna")
    part = station.hold()
    in_hand(page, part)
    page.keyboard.press("a")
    page.keyboard.press("u")
    in_hand(page, part)
    time.sleep(2.0)
    assert final(station, part)[0] is None
    page.keyboard.press("r")
    page.keyboard.press("1")
    assert decided(station, part) == ("reject", "operator", "scratch", "Anna")


def test_an_answer_is_not_lost_when_the_page_is_left(station, screen):
    page = screen("Anna")
    part = station.hold()
    in_hand(page, part)
    page.keyboard.press("a")
    page.goto("about:blank")
    assert decided(station, part)[:2] == ("accept", "operator")


@pytest.mark.fault("A20")
def test_time_runs_out_visibly_and_the_late_answer_is_a_label(station, screen):
    page = screen("Anna")
    part = station.hold(seconds=1.5)
    in_hand(page, part)
    expect(page.locator("#budget")).to_have_class("budget short")
    assert decided(station, part) == ("reject", "timeout", "scratch", "")
    expect(page.locator("#toast")).to_contain_text("Time ran out: P-00001 was rejected")
    page.locator("#strip button").first.click()
    expect(page.locator("#opinion")).to_contain_text("Say what it was, for the next model")
    page.locator("#do-accept").click()
    expect(page.locator("#toast")).to_contain_text("Too late for P-00001")
    assert final(station, part) == ("reject", "timeout", "scratch", "")
    assert station.journal.tallies()["review.late"] == 1


def test_close_to_the_deadline_an_answer_goes_out_at_once(station, screen):
    page = screen("Anna")
    part = station.hold(seconds=1.4)
    in_hand(page, part)
    page.wait_for_timeout(700)
    page.keyboard.press("a")
    assert decided(station, part, 2.0) == ("accept", "operator", "ok", "Anna")


@pytest.mark.fault("A21")
def test_the_second_operator_learns_who_was_first(station, screen):
    anna, ben = screen("Anna"), screen("Ben")
    part = station.hold()
    in_hand(anna, part)
    in_hand(ben, part)
    ben.keyboard.press("a")
    anna.keyboard.press("r")
    anna.keyboard.press("1")
    assert decided(station, part) == ("accept", "operator", "ok", "Ben")
    expect(anna.locator("#toast")).to_contain_text("P-00001 was decided by Ben already")
    assert station.journal.tallies()["review.conflict"] == 1


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


def test_the_part_in_hand_stays_although_a_more_urgent_one_comes(station, screen):
    page = screen("Anna")
    first = station.hold(seconds=20, index=4)
    in_hand(page, first)
    urgent = station.hold(seconds=8, index=7)
    expect(page.locator("#rail button")).to_have_count(2)
    in_hand(page, first)
    expect(page.locator("#place-in-queue")).to_have_text("2 of 2")
    page.keyboard.press("ArrowLeft")
    in_hand(page, urgent)
    page.keyboard.press("a")
    in_hand(page, first)
    assert decided(station, urgent)[0] == "accept"
    assert final(station, first)[0] is None


def test_a_press_meant_for_a_part_that_just_left_does_not_hit_the_next(station, screen):
    page = screen("Anna")
    leaving = station.hold(seconds=1.6, index=4)
    in_hand(page, leaving)
    staying = station.hold(seconds=20, index=7)
    page.evaluate(
        """() => new Promise((done) => new MutationObserver((_, watch) => {
            if (document.getElementById("serial").textContent !== "P-00002") return;
            watch.disconnect();
            document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "a", bubbles: true }));
            setTimeout(() => {
                document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "a", bubbles: true }));
                done();
            }, 150);
        }).observe(document.getElementById("serial"), { childList: true }))"""
    )
    page.wait_for_timeout(2200)
    assert final(station, staying)[0] is None
    page.keyboard.press("a")
    assert decided(station, staying)[0] == "accept"


def test_heatmap_lies_over_the_defect_and_zoom_goes_there(station, screen):
    page = screen("Anna")
    part = station.hold(index=4)
    in_hand(page, part)
    overlay = page.locator("#overlay")
    expect(page.locator("#heat")).to_be_enabled()
    page.keyboard.down("h")
    expect(overlay).to_be_visible()
    page.wait_for_timeout(400)
    page.keyboard.up("h")
    expect(overlay).to_be_hidden()
    page.locator("#heat").click()
    expect(overlay).to_be_visible()
    strongest = page.evaluate(
        """() => {
            const c = document.getElementById("overlay");
            const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
            const strength = (i) => d[i + 3] * (d[i] + d[i + 1]);
            let best = 0;
            for (let i = 0; i < d.length; i += 4) if (strength(i) > strength(best)) best = i;
            return [(best / 4 % c.width) / c.width, Math.floor(best / 4 / c.width) / c.height];
        }"""
    )
    row = station.journal.part(part.id)
    assert strongest == pytest.approx([row.peak_x, row.peak_y], abs=0.15)
    page.keyboard.press("z")
    expect(page.locator("#zoom")).to_have_attribute("aria-pressed", "true")
    box, view = page.locator("#frame").bounding_box(), page.locator("#view").bounding_box()
    assert box["width"] > view["height"] * 1.5


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
