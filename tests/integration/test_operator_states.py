"""The operator page in a hand and in trouble: telephones, nothing on the picture, lost pictures, an ended session."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.decision.sampling import Sampled, Scheme
from edge_agent.journal.journal import Decision
from tests.simulators.line import altered_bundle, install
from tests.simulators.screens import CRAMPED, LARGE, LYING, SMALL, UPRIGHT, decided, in_hand, log_in
from tests.simulators.station import PIN

pytestmark = pytest.mark.slow
DRIFT = "the fleet sees drift (t-0001): the parts look different from training: score moved by +2.1 deviations"
COVERED = """() => {
    const view = document.getElementById("view").getBoundingClientRect();
    const over = (r) => r.left < view.right && r.right > view.left && r.top < view.bottom && r.bottom > view.top;
    return [...document.querySelectorAll("button, a, #warning, #serial, #budget, #toast")]
        .filter((e) => e.offsetParent && over(e.getBoundingClientRect())).map((e) => e.id || e.textContent);
}"""

NINE = (
    "scratch",
    "pit",
    "dent",
    "crack-along-the-weld-seam",
    "burr",
    "discolouration",
    "missing-chamfer",
    "oil",
    "turned",
)
SPILLED = """() => [...document.querySelectorAll("#reasons ol button, #choice button, #undo")]
    .filter((b) => b.offsetParent && (b.scrollWidth > b.clientWidth + 1 || b.scrollHeight > b.clientHeight + 1))
    .map((b) => b.textContent)"""


@pytest.mark.parametrize("size", [UPRIGHT, LYING], ids=["upright", "lying"])
@pytest.mark.parametrize("language", ["en-GB", "de-DE"])
def test_a_telephone_decides_parts_by_touch(station, screen, size, language):
    for number in range(6):
        station.pass_by(Verdict.REJECT if number == 3 else Verdict.ACCEPT)
    page = screen(size=size, touch=True, language=language, theme="light")
    assert page.evaluate(CRAMPED) == []
    page.get_by_role("button", name="Anna").tap()
    for digit in PIN:
        page.locator("#keys button", has_text=digit).tap()
    page.locator("#keys .go").tap()
    first, second = station.hold(index=4), station.hold(index=7)
    in_hand(page, first)
    assert page.evaluate(CRAMPED) == []
    page.locator("#heat").tap()
    expect(page.locator("#overlay")).to_be_visible()
    page.locator("#do-reject").tap()
    assert page.evaluate(CRAMPED) == []
    page.locator("#reasons ol button").first.tap()
    assert decided(station, first) == ("reject", "operator", "scratch", "Anna")
    in_hand(page, second)
    page.locator("#do-accept").tap()
    page.locator("#undo").tap()
    in_hand(page, second)
    page.locator("#do-accept").tap()
    assert decided(station, second)[0] == "accept"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("size", [LARGE, SMALL, UPRIGHT, LYING], ids=["1280x800", "1024x600", "upright", "lying"])
def test_nothing_lies_on_the_picture_of_the_part_in_hand(station, screen, size):
    page = screen("Chiara", size=size, touch=True)
    screen.running.pause()
    part = station.hold(seconds=60, index=4)
    in_hand(page, part)
    page.keyboard.press("u")
    expect(page.locator("#toast")).to_have_text("There is nothing to take back.")
    assert page.evaluate(COVERED) == []
    screen.running.healthy(lowered=DRIFT, caution=DRIFT, mode="assist")
    expect(page.locator("#warning")).to_contain_text("no longer look like those the model has learned")
    assert page.evaluate(COVERED) == []
    assert page.evaluate(CRAMPED) == []
    screen.running.healthy(ready=False, camera="gone", why="usb:0: gone: no device after 3 attempts")
    expect(page.locator("#warning")).to_contain_text("The camera gives no picture")
    assert page.evaluate(COVERED) == []


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
    station.decide(accepted)
    with station.journal.database.transaction():
        station.journal.database.run(
            "add_image", digest=digest, **{"class": 3}, bytes=9, stored_ms=1, upload="wanted", probability=0.2
        )
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


@pytest.mark.parametrize("size", [LARGE, SMALL, UPRIGHT, LYING], ids=["1280x800", "1024x600", "upright", "lying"])
def test_nine_kinds_of_defects_with_long_names_and_long_serials_fit(tmp_path, station, screen, size):
    labels = {"recipe__labels__defects": NINE, "output__labels": ("ok", *NINE)}
    many = altered_bundle(tmp_path / "nine", **labels)
    station.bundle = install(station.home, many)
    page = screen("Anna", size=size, touch=True)
    expect(page.locator("#calm")).to_be_visible()
    digest, _ = station.picture(4)
    until = station.clock.monotonic() + 60
    held = Decision(
        Verdict.REVIEW, Reason.UNSURE, NINE[3], 0.47, (0.5, 0.5), station.bundle, 6.2, digest, review_until=until
    )
    serial = "(01)04012345678901(21)WZ-2026-11-21-LINE04-00045"
    part = station.journal.trigger(serial, station.clock.wall_ms())
    station.journal.decide(part, held, station.clock.wall_ms())
    expect(page.locator("#serial")).to_have_text(serial)
    expect(page.locator("#do-reject")).to_be_enabled()
    assert page.evaluate("document.getElementById('serial').scrollLeft <= 0")
    bar = page.locator("#budget .track").bounding_box()
    assert bar is not None
    assert bar["width"] > 60, "the time is seen"
    page.locator("#do-reject").tap()
    expect(page.locator("#reasons ol button")).to_have_count(9)
    assert page.evaluate(CRAMPED) == []
    assert page.evaluate(SPILLED) == []
    page.locator("#reasons ol button").nth(3).tap()
    expect(page.locator("#undo span")).to_have_text("Rejected …-LINE04-00045 – undo")
    assert decided(station, part)[2] == NINE[3]


SCALE = "() => new DOMMatrix(getComputedStyle(document.getElementById('frame')).transform).a"


def test_two_fingers_and_the_wheel_enlarge_the_place_under_them(station, screen):
    page = screen("Anna", size=SMALL, touch=True)
    in_hand(page, station.hold(seconds=60, index=4))
    box = page.locator("#frame").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)

    def fingers(kind, apart):
        points = [] if kind == "touchEnd" else [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 30)
    for apart in range(35, 95, 5):
        fingers("touchMove", apart)
    fingers("touchEnd", 0)
    assert 2.5 < page.evaluate(SCALE) < 3.5, "three times as far apart"
    after = page.locator("#frame").bounding_box()
    middle = after["x"] + after["width"] / 2, after["y"] + after["height"] / 2
    assert middle == pytest.approx((x, y), abs=after["width"] * 0.05)
    expect(page.locator("#zoom")).to_have_attribute("aria-pressed", "true")
    page.locator("#zoom").tap()
    assert page.evaluate(SCALE) == 1
    page.mouse.move(x + 20, y)
    page.mouse.wheel(0, -400)
    page.wait_for_function(f"({SCALE})() > 1.5")
    page.mouse.wheel(0, 4000)
    page.wait_for_function(f"({SCALE})() === 1")


def test_a_part_that_was_just_decided_does_not_still_wait_for_a_person(station, screen):
    page = screen("Anna")
    part = station.hold(seconds=60, index=4)
    in_hand(page, part)
    page.keyboard.press("a")
    expect(page.locator("#undo span")).to_have_text("Accepted P-00001 – undo")
    expect(page.locator("#calm")).to_be_visible()
    expect(page.locator("#stamp")).to_be_hidden()
    assert decided(station, part)[0] == "accept"
    expect(page.locator("#stamp")).to_have_text("Accepted – by Anna")


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
