"""A person brings a picture in a real headless Chromium and sees verdict, score and heatmap, without a network."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import expect

from tests.simulators.line import GOOD, PARTS, SCRATCHED
from tests.simulators.screens import SMALL
from tests.simulators.station import PIN, serving

pytestmark = pytest.mark.slow
PAINTED = """() => { const c = document.getElementById("heat");
    return c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 === 3 && v > 100); }"""
DROP = """([bytes, name]) => { const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/jpeg" }));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })); }"""


def entered(screen, **options):
    page = screen(**options)
    page.goto(f"{screen.running.url}try?lang=en")
    page.get_by_role("button", name="Anna").click()
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Try a picture")
    return page


def test_a_chosen_and_a_dropped_picture_are_judged(station, screen):
    page = entered(screen)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("#file").set_input_files(PARTS / SCRATCHED)
    expect(page.locator("#verdict")).to_have_text("Rejected")
    expect(page.locator("#label")).to_have_text("scratch")
    expect(page.locator("#score")).to_have_text("99.9%")
    assert page.evaluate(PAINTED), "the heatmap shows where"
    page.locator("#switch").click()
    expect(page.locator("#heat")).to_be_hidden()
    page.evaluate(DROP, [list((PARTS / GOOD).read_bytes()), "good.jpg"])
    expect(page.locator("#verdict")).to_have_text("Accepted")
    assert all(url.startswith(screen.running.url) for url in asked), "nothing comes from outside"
    assert station.journal.recent(1) == [], "no part was made"


def test_what_is_no_picture_is_said(station, screen, tmp_path):
    page = entered(screen, size=SMALL)
    (tmp_path / "torn.png").write_bytes((PARTS / GOOD).read_bytes()[:200])
    page.locator("#file").set_input_files(tmp_path / "torn.png")
    expect(page.locator("#verdict")).to_contain_text("not a readable picture")


def test_the_page_is_for_those_who_are_logged_in(station):
    with serving(station) as running, httpx.Client(base_url=running.url) as stranger:
        answer = stranger.get("/try")
        assert (answer.status_code, answer.headers["location"]) == (303, "/?next=try")


def test_without_a_model_the_page_says_so(station):
    station.home.slots.unlink()
    token = station.home.root / "api.token"
    with serving(station) as running:
        headers = {"Authorization": f"Bearer {token.read_text().strip()}", "Accept-Language": "de"}
        assert "Noch ist kein Modell da" in httpx.get(f"{running.url}try", headers=headers).text
