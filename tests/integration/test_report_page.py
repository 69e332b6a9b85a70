"""Report and search of a served station: by HTTP, and in a real headless Chromium with keyboard and touch."""

from __future__ import annotations

import csv
import io
import json
from contextlib import contextmanager

import httpx
import pytest
import yaml
from click.testing import CliRunner
from playwright.sync_api import expect

from edge_agent.cli import main
from edge_agent.contracts.plc import Disposition, PlcPart
from edge_agent.contracts.verdict import Detail, Reason, Verdict
from edge_agent.journal import reviews
from edge_agent.journal.journal import Decision
from edge_agent.journal.uptime import Uptime
from tests.simulators.screens import LARGE, SMALL
from tests.simulators.station import PIN, serving

pytestmark = pytest.mark.slow
CRAMPED = """() => [...document.querySelectorAll("a.tool, button, input:not([type=hidden]), .hits a")]
    .map((e) => [e.textContent.trim() || e.name, e.getBoundingClientRect()])
    .filter(([, r]) => r.width < 48 || r.height < 48 || r.left < 0 || r.right > innerWidth + 1)
    .map(([name, r]) => `${name} ${Math.round(r.width)}x${Math.round(r.height)}`)"""


@pytest.fixture
def worked(station):
    """Eight parts: five accepted and one without a picture; Anna took one against the machine, nobody the last."""
    settings = {"ui": {"port": 0}, "shifts": [{"name": "all day", "from": "00:00", "to": "23:59"}]}
    station.home.config.write_text(yaml.safe_dump(settings))
    uptime = Uptime(station.journal.database, station.boot, station.clock)
    uptime.note(True, "")
    uptime.step()
    for index in range(5):
        station.pass_by(Verdict.ACCEPT, index=index)
    station.decide(Decision(Verdict.REJECT, Reason.NO_IMAGE, detail=Detail.UNPLUGGED))
    answered = station.hold(index=4)
    now = station.clock
    answer = (Verdict.REJECT, "pit", now.wall_ms(), now.monotonic())
    reviews.answer(station.journal, answered.id, "Anna", *answer)
    part = station.journal.trigger("=P-99999", now.wall_ms(), PlcPart(7, 41))
    station.journal.decide(part, Decision(Verdict.REJECT, Reason.MODEL, "scratch", 0.97, bundle=station.bundle), 1)
    station.journal.driven(part.id)
    station.journal.disposed(PlcPart(7, 41), Disposition.REJECTED)
    station.answered, station.by_plc = answered, part
    return station


@contextmanager
def browser_of(running, name=""):
    with httpx.Client(base_url=running.url, follow_redirects=False) as client:
        if name:
            assert client.post("/api/login", json={"name": name, "pin": PIN}).status_code == 200
        yield client


def test_nothing_is_shown_without_a_login(worked):
    with serving(worked) as running, browser_of(running) as stranger:
        for page in ("report", "search"):
            answer = stranger.get(f"/{page}?serial=P-00001")
            assert (answer.status_code, answer.headers["location"]) == (303, f"/?next={page}")
        assert stranger.get("/report.csv").status_code == 401
        wrong = stranger.get("/report", headers={"Authorization": "Bearer nothing"})
        assert wrong.status_code == 401
        token = (worked.home.root / "api.token").read_text().strip()
        assert stranger.get("/report", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_the_csv_has_a_line_for_every_finished_part_and_no_formula(worked):
    waiting = worked.hold(index=7)
    with serving(worked) as running, browser_of(running, "Anna") as anna:
        answer = anna.get("/report.csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert "attachment" in answer.headers["content-disposition"]
        assert answer.text.count("\r\n") == 9
        rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert str(waiting.id) not in {row["part"] for row in rows}
        assert rows[-1]["serial"] == "'=P-99999"
        assert (rows[-1]["plc_run"], rows[-1]["plc_sequence"], rows[-1]["plc_disposition"]) == ("7", "41", "rejected")
        assert (rows[6]["verdict"], rows[6]["final"], rows[6]["operator"]) == ("review", "reject", "Anna")
        assert rows[0]["triggered"].endswith("Z")
        assert (rows[5]["reason"], rows[5]["detail"], rows[0]["detail"]) == ("no-image", "unplugged", "")
        assert anna.get("/report.csv", params={"from": "yesterday"}).status_code == 400
        assert anna.get("/report", params={"shift": "nobody's"}).status_code == 400
        assert "use one of: all day" in anna.get("/report", params={"shift": "nobody's"}).text


def test_an_operator_sees_the_work_of_others_without_their_names(worked):
    worked.people(Olga="operator", Sven="supervisor")
    with serving(worked) as running:
        with browser_of(running, "Olga") as olga:
            page = olga.get("/report", params={"lang": "en"}).text
            assert "the others" in page
            assert "camera lost" in page
            assert "camera lost" in olga.get("/search", params={"serial": "P-00006", "lang": "en"}).text
            assert "Anna" not in page
            rows = list(csv.DictReader(io.StringIO(olga.get("/report.csv").text, newline="")))
            assert {row["operator"] for row in rows} == {""}
        with browser_of(running, "Sven") as sven:
            assert "Anna" in sven.get("/report").text
            assert ",Anna," in sven.get("/report.csv").text


def test_all_views_of_a_part_are_shown_and_those_that_are_gone_are_said(worked):
    part = worked.pass_by(Verdict.REJECT, index=2)
    kept = worked.journal.part(part.id).image
    for view, digest in enumerate(("", kept, None)):
        worked.journal.database.run("add_part_view", part=part.id, view=view, digest=digest)
    with serving(worked) as running, browser_of(running, "Anna") as anna:
        page = anna.get("/search", params={"part": part.id, "serial": "P-", "lang": "en"}).text
        views = page.split('<ol class="views"')[1].split("</ol>")[0]
        assert views.count("<li>") == 3
        assert views.count("not kept") == 2
        assert f'<a href="/api/images/{kept}" aria-current="true">' in views
        alone = anna.get("/search", params={"part": part.id - 1, "serial": "P-", "lang": "en"}).text
        assert 'class="views"' not in alone


def test_serials_from_outside_are_text_and_parts_are_numbers(worked):
    with serving(worked) as running, browser_of(running, "Anna") as anna:
        strange = '"><script>alert(1)</script>%_../../etc'
        answer = anna.get("/search", params={"serial": strange})
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        for part in ("../1", "-1", "1e3", "999999", "9" * 40):
            assert 'class="trace"' not in anna.get("/search", params={"serial": "nothing", "part": part}).text
        assert "P-00002" in anna.get("/search", params={"serial": "P-0000"}).text
        assert "None" not in anna.get("/search", params={"serial": "=P-99999"}).text


def test_commands_say_the_same_as_the_page(worked, tmp_path):
    home, html, lines = str(worked.home.root), tmp_path / "report.html", tmp_path / "parts.csv"
    options = ["report", "--home", home, "--shift", "all day", "--html", str(html), "--csv", str(lines), "--json"]
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 0, done.output
    said = json.loads(done.output.splitlines()[-1])
    assert (said["parts"], said["accepted"], said["rejected"], said["yield"]) == (8, 5, 3, 0.625)
    assert said["reasons"] == {"no-image": 1, "operator": 1, "model": 1}
    assert (said["reviewed"], said["overrides"], said["operators"][0]["name"]) == (1, 1, "Anna")
    assert said["downtime"]["not_ready_s"] == 0
    assert said["models"][0]["model"] != said["models"][0]["bundle"][:12]
    page = html.read_text(encoding="utf-8")
    assert "62.5 %" in page
    assert not any(word in page for word in ("<script", "<link", "src=", "@import"))
    assert len(lines.read_bytes().splitlines()) == 9
    traced = CliRunner().invoke(main, ["trace", "=P-9", "--home", home, "--json"])
    part = json.loads(traced.output)["parts"][0]
    assert (part["plc"], part["output"]) == ({"run": 7, "sequence": 41, "disposition": "rejected"}, "driven")
    nothing = CliRunner().invoke(main, ["trace", "Q", "--home", home])
    assert nothing.exit_code == 3
    assert "no part has the serial 'Q'" in nothing.output


def test_a_person_goes_from_the_desk_to_the_report_and_to_a_part_by_keyboard(worked, screen):
    page = screen()
    page.goto(f"{screen.running.url}report")
    log_in_to(page, "Anna")
    expect(page.locator("h1")).to_have_text("Report")
    expect(page.locator(".tiles")).to_contain_text("62.5 %")
    expect(page.locator("main")).to_contain_text("no picture")
    expect(page.locator("main")).to_contain_text("Anna")
    page.get_by_role("link", name="all day").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="all day")).to_have_attribute("aria-current", "page")
    with page.expect_download() as download:
        page.locator("#csv").click()
    assert len(download.value.path().read_bytes().splitlines()) == 9
    page.get_by_role("link", name="Find a part").click()
    expect(page.locator("input[type=search]")).to_be_focused()
    page.keyboard.type("P-00007")
    page.keyboard.press("Enter")
    trace = page.locator(".trace")
    expect(trace).to_contain_text("pit")
    expect(trace).to_contain_text("Anna")
    expect(trace).to_contain_text("47.0 %")
    widths = "() => [...document.querySelectorAll('.trace img')].map((i) => i.naturalWidth)"
    assert page.evaluate(widths)[0] > 0
    heat = page.locator(".trace svg image").nth(1)
    assert page.request.get(screen.running.url + heat.get_attribute("href")[1:]).headers["content-type"] == "image/png"
    page.locator("input[type=search]").fill("P-0000")
    page.keyboard.press("Enter")
    expect(page.locator(".hits li")).to_have_count(7)
    page.locator(".hits a").nth(6).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".trace h2")).to_contain_text("P-00001")


def log_in_to(page, name):
    page.get_by_role("button", name=name).click()
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("size", [LARGE, SMALL], ids=["1280x800", "1024x600"])
def test_everything_can_be_hit_by_a_finger_in_both_languages(worked, screen, size):
    page = screen("Chiara", size=size, touch=True, language="de-DE", theme="light")
    page.locator("#to-report").tap()
    expect(page.locator("h1")).to_have_text("Bericht")
    assert page.evaluate(CRAMPED) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("link", name="Teil suchen").tap()
    page.locator("input[type=search]").fill("P-0000")
    page.get_by_role("button", name="Suchen").tap()
    expect(page.locator(".hits li")).to_have_count(7)
    assert page.evaluate(CRAMPED) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("link", name="Teile entscheiden").tap()
    expect(page.locator("#desk")).to_be_visible()


def test_the_machine_keeps_its_opinion_until_a_person_decided(worked, screen):
    page = screen("Anna")
    held = worked.hold(index=7)
    screen.running.pause()
    screen.running.healthy(mode="shadow")
    page.goto(f"{screen.running.url}search?serial=P-00008")
    expect(page.locator(".trace")).to_contain_text("shown once a person has decided")
    expect(page.locator(".trace")).not_to_contain_text("47.0 %")
    expect(page.locator(".trace svg")).to_have_count(0)
    assert page.request.get(f"{screen.running.url}api/parts/{held.id}/heatmap").status == 404
    assert page.request.get(f"{screen.running.url}api/parts/{worked.answered.id}/heatmap").status == 200
