"""What people do at the operator page, as a browser's pages do it."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.conftest import wait_for
from tests.simulators.station import PIN

LARGE, SMALL = {"width": 1280, "height": 800}, {"width": 1024, "height": 600}
UPRIGHT, LYING = {"width": 390, "height": 844}, {"width": 844, "height": 390}
CRAMPED = """() => {
    const small = (r) => r.width < 48 || r.height < 48;
    const outside = (r) => r.left < 0 || r.top < 0 || r.right > innerWidth + 1 || r.bottom > innerHeight + 1;
    const clipped = (b) => b.closest("#strip") && b.offsetTop > document.getElementById("strip").offsetTop + 8;
    return [...document.querySelectorAll("button, a[href]")]
        .filter((b) => b.offsetParent && !clipped(b))
        .map((b) => [b.id || b.textContent, b.getBoundingClientRect()])
        .filter(([, r]) => small(r) || outside(r))
        .map(([name, r]) => `${name} ${Math.round(r.width)}x${Math.round(r.height)}`);
}"""
"""Names of what a finger can touch and that is smaller than 48 px or not wholly on the screen."""


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
