"""What people see of a share of the parts: report and trace of the station, a rollout's and a device's page."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from playwright.sync_api import expect

from edge_agent.cli import main
from edge_agent.contracts.counts import canary_count
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.decision.canary import Outcome
from edge_agent.journal.facts import Decision, Drawn, SecondOpinion
from fleet.store.tables import Device, Rollout
from tests.simulators.dashboard import dashboard, liven
from tests.simulators.screens import SMALL

pytestmark = pytest.mark.slow
SECOND = "5ec0" * 16
ACCEPT, REJECT, REVIEW = Verdict.ACCEPT, Verdict.REJECT, Verdict.REVIEW


def drawn(station, outcome, champion=ACCEPT, challenger=ACCEPT):
    """What the hot process writes of a part that was drawn."""
    second = None if outcome is Outcome.LATE else SecondOpinion(SECOND, challenger, Reason.MODEL, 0.83, "scratch")
    if outcome is Outcome.FAILED:
        second = SecondOpinion(SECOND, REJECT, Reason.MODEL_ERROR, None, "")
    return Drawn(SECOND, 0.05, outcome, station.bundle, champion, 0.03, "ok", second)


@pytest.fixture
def tried(station):
    """Six parts, five of them drawn: three decided, of which one is disputed and waits; one late, one failed."""
    station.pass_by(ACCEPT, index=0)
    for _ in range(2):
        note = drawn(station, Outcome.DECIDED)
        station.decide(Decision(ACCEPT, Reason.MODEL, score=0.04, bundle=SECOND, canary=note))
    for outcome in (Outcome.LATE, Outcome.FAILED):
        note = drawn(station, outcome)
        station.decide(Decision(ACCEPT, Reason.MODEL, score=0.03, bundle=station.bundle, canary=note))
    note = drawn(station, Outcome.DECIDED, ACCEPT, REJECT)
    until = station.clock.monotonic() + 60
    image = station.picture(4)[0]
    station.disputed = station.decide(
        Decision(*(REVIEW, Reason.UNSURE, "scratch", 0.83), bundle=SECOND, image=image, review_until=until, canary=note)
    )
    return station


def test_report_and_trace_say_who_decided_and_where_two_models_differ(tried, screen):
    page = screen("Chiara", size=SMALL)
    page.goto(f"{screen.running.url}report?lang=en")
    cells = page.locator("#canary tbody td")
    assert cells.all_text_contents() == ["5", "3", "1", "1", "1"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto(f"{screen.running.url}search?lang=en&serial=P-00006")
    expect(page.locator(".trace")).to_contain_text("Two models")
    expect(page.locator(".trace")).to_contain_text("83.0 %")
    expect(page.locator(".trace")).to_contain_text("3.0 %")


def test_who_must_decide_blindly_sees_neither_model(tried, screen):
    page = screen("Chiara")
    screen.running.pause()
    screen.running.healthy(mode="shadow")
    page.wait_for_function("async () => (await (await fetch('/api/status')).json()).mode === 'shadow'")
    page.goto(f"{screen.running.url}search?lang=en&serial=P-00006")
    expect(page.locator(".trace")).to_contain_text("once a person has decided")
    assert "Two models" not in page.locator(".trace").inner_text()


def test_commands_say_the_same(tried):
    home = ["--home", str(tried.home.root)]
    said = json.loads(CliRunner().invoke(main, ["report", *home, "--json"]).output.splitlines()[-1])["canary"]
    counts = {"bundle": SECOND, "drawn": 5, "decided": 3, "disputed": 1, "late": 1, "failed": 1}
    assert said == [{**counts, "model": SECOND[:12]}]
    assert "5 parts drawn, 3 decided (1 disputed), 1 late" in CliRunner().invoke(main, ["report", *home]).output
    traced = CliRunner().invoke(main, ["trace", "P-00006", *home]).output
    assert f"drawn for {SECOND[:12]}: reject (83.0 %)" in traced
    late = CliRunner().invoke(main, ["trace", "P-00004", *home]).output
    assert "late" in late
    asked = CliRunner().invoke(main, ["challenger", *home]).output
    assert "0.05 of the parts: 5 drawn, 3 decided (1 disputed), 1 late, 1 failed" in asked


def test_the_dashboard_adds_up_what_the_stations_count(tmp_path, browser):
    with dashboard(tmp_path) as board:
        liven(board)
        bundle = board.production.bundle
        with board.production.database.begin() as session:
            rollout = session.get_one(Rollout, "r1")
            rollout.settings = {**rollout.settings, "strategy": "canary-parts", "parts_share": 0.05}
            for name in ("station-01", "station-02"):
                device = session.get_one(Device, name)
                counts = {"drawn": 40, "decided": 36, "disputed": 2, "late": 3, "failed": 1}
                told = {canary_count(bundle, what): number for what, number in counts.items()}
                device.health = {**device.health, "counters": {**device.health["counters"], **told}}
        context = browser.new_context(viewport=SMALL, color_scheme="dark")
        page = context.new_page()
        page.goto(f"{board.url}/rollouts/r1")
        page.fill("input[name=token]", "viewer-token")
        page.click("button[type=submit]")
        expect(page.locator("#parts")).to_contain_text("5.0 % are decided by this model")
        expect(page.locator("#parts")).to_contain_text("80 on 2 devices")
        expect(page.locator("#parts .legend")).to_have_text("68 agreed6 late4 disputed2 failed")
        context.close()
