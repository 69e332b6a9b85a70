"""Deciding parts at the operator page, in a real headless Chromium: keys, touch, time, undo, two operators."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from tests.simulators.screens import SMALL, decided, final, in_hand

pytestmark = pytest.mark.slow


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
    slow = []
    anna.route("**/api/parts/*/answer", lambda route: slow.append(route))
    with anna.expect_request("**/api/parts/*/answer"):
        anna.keyboard.press("r")
        anna.keyboard.press("1")
    ben.keyboard.press("a")
    assert decided(station, part) == ("accept", "operator", "ok", "Ben")
    anna.wait_for_timeout(100)
    slow[0].continue_()
    expect(anna.locator("#toast")).to_contain_text("P-00001 was decided by Ben already")
    assert station.journal.tallies()["review.conflict"] == 1


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
