"""The trainer's pages in a real headless Chromium: a desk, a tablet, light and dark, from page to page."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.simulators.evaluated import RECIPE, evaluated
from trainer.reports.again import write_again
from trainer.reports.index import write_index

pytestmark = pytest.mark.slow
LONG = "gearbox-housing-left-variant-2026-rev-c-machined-and-deburred"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The page of all runs: one blessed, one refused, one without a defective part."""
    root = tmp_path_factory.mktemp("root")
    for run, more in (("r1", {"skill": 6.0, "cost": {"escape": 100}}), ("r2", {"skill": 0.3}), ("r3", {"bad": 0.0})):
        evaluated(root, run, recipe=RECIPE.model_copy(update={"name": LONG}), **more)
        write_again(root, run)
    return write_index(root)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 768, 390])
def test_no_page_is_wider_than_its_window_or_asks_the_network(browser, pages, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, asked, said = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    for path in (pages, *(pages.parent / run / "report.html" for run in ("r1", "r2", "r3"))):
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []


def test_from_all_runs_to_one_its_verdict_and_back(browser, pages):
    page = browser.new_page()
    page.goto(pages.as_uri())
    expect(page.locator(".chip")).to_have_count(4)
    page.get_by_role("link", name="r2").click()
    expect(page.locator("main > section").first).to_contain_text("This model must not ship")
    page.get_by_role("link", name="runs").click()
    page.get_by_role("link", name="r3").click()
    expect(page.locator("main > section").first).to_contain_text("too few parts were tested")
    expect(page.locator("main > section").first).to_contain_text("No defective part was tested")
    page.close()


@pytest.mark.parametrize("name", ["gear box " * 20, "housing-left" * 20])
def test_a_long_name_of_a_part_leaves_its_verdict_whole(browser, pages, name):
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto((pages.parent / "r1" / "report.html").as_uri())
    caption = page.locator("figcaption").first
    caption.locator("b").evaluate("(e, name) => { e.textContent = name; }", name)
    letters = "e => e.offsetWidth / parseFloat(getComputedStyle(e).fontSize)"
    assert caption.locator("> span").last.evaluate(letters) > 2.5, "'accept' is no column of letters"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_a_picture_is_enlarged_by_keyboard_and_becomes_small_again(browser, pages):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((pages.parent / "r1" / "report.html").as_uri())
    first, box = page.locator("figure img").first, "e => e.getBoundingClientRect().width"
    small = first.evaluate(box)
    page.locator("figure input").first.focus()
    page.keyboard.press("Space")
    assert first.evaluate(box) > 1.5 * small
    page.keyboard.press("Space")
    assert first.evaluate(box) == small
    page.close()
