"""Degree of automation, challenge parts and audits in a real headless Chromium, by touch on a small screen."""

from __future__ import annotations

import pytest
import yaml
from playwright.sync_api import expect

from edge_agent.automation.ledger import last_change, record
from edge_agent.challenge import record as challenges
from edge_agent.contracts.verdict import Automation, Reason, Verdict
from edge_agent.decision.automation import followed
from edge_agent.decision.challenge import Moment
from edge_agent.decision.sampling import Sampled, Scheme
from edge_agent.journal.journal import Decision
from tests.simulators.screens import SMALL, UPRIGHT

pytestmark = pytest.mark.slow
CRAMPED = """() => [...document.querySelectorAll("a, button, select, input:not([type=hidden])")]
    .map((e) => [e.textContent.trim() || e.name, e.getBoundingClientRect()])
    .filter(([, r]) => r.width < 48 || r.height < 48 || r.left < 0 || r.right > innerWidth + 1)
    .map(([name, r]) => `${name} ${Math.round(r.width)}x${Math.round(r.height)}`)"""

CRAMPED_BUT_NAVIGATION = CRAMPED.replace(
    "map((e) => [e", "filter((e) => e.offsetParent && !e.closest('nav, .drop')).map((e) => [e", 1
)
"""The same; a telephone's navigation is pushed sideways."""


@pytest.fixture
def doubted(station):
    """At `partial`, with one drawn part that nobody has answered for, and locked since a challenge part failed."""
    section = {"parts": [{"name": "CH-BAD", "known": "reject"}]}
    station.home.config.write_text(yaml.safe_dump({"ui": {"port": 0}, "challenge": section}))
    database = station.journal.database
    with database.transaction():
        record(database, station.boot, followed(None, Automation.PARTIAL, "recipe"), 1)
    image, _ = station.picture(1)
    sample = Sampled(Verdict.ACCEPT, Scheme.UNIFORM, 0.1, False)
    drawn = Decision(Verdict.ACCEPT, Reason.MODEL, score=0.1, bundle=station.bundle, image=image, sample=sample)
    station.drawn = station.decide(drawn)
    failed = station.pass_by(Verdict.REJECT, Reason.CHALLENGE)
    row = {"digest": image, "class": 3, "bytes": 1, "stored_ms": 1, "upload": "no", "probability": 0.1, "part": 1}
    with database.transaction():
        database.run("add_image", **row)
        at = Moment(failed.id, str(station.boot), station.bundle, 1.0, station.clock.wall_ms())
        challenges.present(database, "CH-BAD", Verdict.REJECT, at)
    challenges.conclude(database, station.boot, "CH-BAD", failed.id, "the machine accepts it", station.clock.wall_ms())
    return station


def test_a_supervisor_answers_unlocks_and_lowers_by_touch(doubted, screen):
    page = screen("Chiara", size=SMALL, touch=True)
    page.locator("#to-automation").tap()
    expect(page.locator("h1")).to_have_text("How far the machine is trusted")
    expect(page.locator(".ladder [aria-current]")).to_contain_text("Partial")
    expect(page.locator(".bounds tr")).to_have_count(3)
    for name, path in (("Test parts", "challenge"), ("Audit", "audit"), ("Trust", "automation")):
        page.locator("nav").get_by_role("link", name=name, exact=True).tap()
        page.wait_for_url(f"**/{path}?lang=en")
        assert page.evaluate(CRAMPED) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("nav").get_by_role("link", name="Audit").tap()
    page.get_by_role("button", name="Defective: pit").tap()
    expect(page.locator("main")).to_contain_text("No drawn part waits")
    answer = doubted.journal.database.row("part_answered", part=doubted.drawn.id)
    assert answer is not None
    page.get_by_role("link", name="Test parts").tap()
    page.locator("input[name=why]").fill("lens cleaned")
    page.get_by_role("button", name="Unlock").tap()
    expect(page.locator("main")).to_contain_text("Unlocked by Chiara: lens cleaned")
    page.get_by_role("button", name="Present now").tap()
    expect(page.locator("main")).to_contain_text("The next triggered part is taken for CH-BAD.")
    page.get_by_role("link", name="Trust").tap()
    page.locator("form[data-post$=lower] input").fill("new lamp")
    page.get_by_role("button", name="Lower").tap()
    expect(page.locator(".ladder [aria-current]")).to_contain_text("Assist")
    change = last_change(doubted.journal.database)
    assert (change.after, change.who, change.why) == (Automation.ASSIST, "Chiara", "new lamp")


def test_an_operator_sees_the_lock_and_cannot_lift_it(doubted, screen):
    page = screen("Anna", language="de-DE", theme="light")
    screen.running.pause()
    screen.running.channel.deliver(
        {"kind": "health", "from": "hot", "ready": False, "why": "locked since", "bundle": "b", "challenge": "locked"}
    )
    expect(page.locator("#warning")).to_contain_text("Die Station ist gesperrt")
    page.locator("#to-automation").click()
    page.get_by_role("link", name="Prüfteile").click()
    expect(page.locator("main")).to_contain_text("Eine Aufsicht kann entsperren.")
    expect(page.get_by_role("button", name="Entsperren")).to_have_count(0)


@pytest.fixture
def challenged(station):
    section = {"parts": [{"name": "CH-BAD", "known": "reject"}]}
    station.home.config.write_text(yaml.safe_dump({"ui": {"port": 0}, "challenge": section}))
    return station


def test_what_was_started_by_mistake_is_taken_back_and_the_page_follows_by_itself(challenged, screen):
    station = challenged
    page = screen("Anna", size=UPRIGHT, touch=True)
    page.goto(f"{screen.running.url}challenge")
    assert page.evaluate(CRAMPED_BUT_NAVIGATION) == []
    expect(page.locator(".board")).to_contain_text("present it now")
    page.get_by_role("button", name="Present now").tap()
    page.get_by_role("button", name="Not after all").tap()
    expect(page.locator("main")).not_to_contain_text("The next triggered part")
    assert challenges.armed(station.journal.database) == ""
    page.get_by_role("button", name="Present now").tap()
    expect(page.locator("main")).to_contain_text("The next triggered part is taken for CH-BAD.")
    part = station.pass_by(Verdict.REJECT, Reason.CHALLENGE)
    with station.journal.database.transaction():
        at = Moment(part.id, str(station.boot), station.bundle, 1.0, station.clock.wall_ms())
        challenges.present(station.journal.database, "CH-BAD", Verdict.REJECT, at)
    challenges.conclude(station.journal.database, station.boot, "CH-BAD", part.id, "", station.clock.wall_ms())
    expect(page.locator("main")).to_contain_text("passed", timeout=8000)
    expect(page.locator(".board")).not_to_contain_text("present it now")
    expect(page.locator("main")).not_to_contain_text("The next triggered part")


def test_the_parts_in_doubt_are_listed_with_the_way_to_each(doubted, screen):
    page = screen("Ben", size=SMALL, touch=True)
    page.goto(f"{screen.running.url}challenge")
    expect(page.locator("main")).to_contain_text("One part was judged between the last pass of CH-BAD and its failure")
    expect(page.locator(".lock")).to_contain_text("CH-BAD: the machine calls it good, but it is defective.")
    page.locator(".suspects a").tap()
    expect(page.locator(".trace h2")).to_contain_text("P-00001")


@pytest.mark.parametrize("path", ["automation", "challenge", "audit", "report", "search?serial=P-0", "try"])
def test_the_pages_fit_a_telephone(doubted, screen, path):
    page = screen("Chiara", size=UPRIGHT, touch=True, language="de-DE")
    page.goto(f"{screen.running.url}{path}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(CRAMPED_BUT_NAVIGATION) == []
