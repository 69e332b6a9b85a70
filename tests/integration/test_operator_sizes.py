"""The operator page on every screen: telephones, nothing on the picture, many and long names, fingers."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.journal.journal import Decision
from tests.simulators.line import altered_bundle, install
from tests.simulators.screens import CRAMPED, LARGE, LYING, SMALL, UPRIGHT, decided, in_hand
from tests.simulators.station import PIN

pytestmark = pytest.mark.slow
DRIFT = "the fleet sees drift (t-0001): the parts look different from training: score moved by +2.1 deviations"
COVERED = """() => {
    const view = document.getElementById("view").getBoundingClientRect();
    const over = (r) => r.left < view.right && r.right > view.left && r.top < view.bottom && r.bottom > view.top;
    return [...document.querySelectorAll("button, a[href], #warning, #serial, #budget, #toast")]
        .filter((e) => e.getClientRects().length && over(e.getBoundingClientRect())).map((e) => e.id || e.textContent);
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
