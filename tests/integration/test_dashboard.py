"""The dashboard in a real browser: what it shows, what it lets whom do, and what it never lets anybody do."""

import csv
import io

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright
from sqlalchemy import delete, select

from edge_agent.contracts.encoding import digest_bytes
from fleet.store.alerts import raise_alert
from fleet.store.monitoring_tables import Ticket
from fleet.store.tables import Alert, Audit, Rollout
from tests.conftest import CHROMIUM_FLAGS
from tests.simulators.dashboard import alarm, darken, dashboard, grey_png, liven, password, review

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    with dashboard(tmp_path_factory.mktemp("fleet")) as made:
        liven(made)
        darken(made)
        review(made, "station-01", 6)
        alarm(made)
        yield made


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield running
        running.close()


@pytest.fixture
def problems():
    return []


@pytest.fixture
def visit(browser, board, problems):
    """Log in as a role and open a page; whatever the browser complains of ends up in `problems`."""
    contexts = []

    def open_as(role, path="/", width=1280):
        context = browser.new_context(viewport={"width": width, "height": 860}, service_workers="block")
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(board.url) else problems.append(asked.url))
        page.goto(board.url + path)
        page.fill("input[name=token]", f"{role}-token")
        page.click("button[type=submit]")
        page.wait_for_url(board.url + path)
        return page

    yield open_as
    for context in contexts:
        context.close()


def client(board, role="operator"):
    return httpx.Client(base_url=board.url, headers={"Authorization": f"Bearer {role}-token"}, trust_env=False)


def test_overview_shows_devices_parts_rollout_findings_and_tickets(visit, problems):
    page = visit("viewer")
    expect(page.locator("#tiles")).to_contain_text("19 / 20")
    expect(page.locator("#tiles")).to_contain_text("8,240")
    expect(page.locator("#rollout")).to_contain_text("tiles v1")
    expect(page.locator("#attention")).to_contain_text("north: lighting")
    expect(page.locator("#events")).to_contain_text("rolled back")
    expect(page.locator("#tab-tickets .count")).to_have_text("1")
    assert problems == []


@pytest.mark.parametrize(
    "path", ["/", "/devices", "/devices/station-20", "/rollouts", "/rollouts/r1", "/drift", "/tickets"]
)
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_work_without_complaints_foreign_requests_or_sideways_scrolling(visit, problems, path, width):
    page = visit("operator", path, width)
    expect(page.locator(".live")).to_have_text("live")
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert problems == []


def test_what_a_device_says_stays_text(visit, problems):
    page = visit("viewer", "/devices/station-20")
    expect(page.locator("#events")).to_contain_text("<script>alert(1)</script>")
    assert page.locator("#events script").count() == 0
    assert problems == []


def test_list_of_devices_is_searched(visit):
    page = visit("viewer", "/devices")
    expect(page.locator("tbody tr")).to_have_count(20)
    page.fill("#search", "rolled")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.fill("#search", "")
    page.select_option("#site", "south")
    expect(page.locator("tbody tr")).to_have_count(7)


def test_drift_page_draws_production_against_training(visit):
    page = visit("viewer", "/drift")
    expect(page.locator("#detail")).to_contain_text("darker")
    expect(page.locator("#detail")).to_contain_text("Evidence over time")
    assert page.locator(".chart svg").count() >= 3
    assert page.locator(".chart .bar-live").count() >= 30
    assert page.locator("svg .dot.over").count() >= 1


def test_page_follows_the_fleet_by_itself(visit, board):
    page = visit("viewer", "/rollouts/r1")
    expect(page.locator("#sub")).to_contain_text("running")
    with board.production.database.begin() as session:
        session.get_one(Rollout, "r1").reason = "a word from the gate"
    expect(page.locator("#stages")).to_contain_text("a word from the gate", timeout=20000)


def test_viewer_sees_no_buttons_and_may_not_act(visit, board):
    for path in ("/rollouts/r1", "/tickets/t-0001"):
        page = visit("viewer", path)
        expect(page.locator(".live")).to_have_text("live")
        page.wait_for_timeout(300)
        assert page.locator("#actions button").count() == 0
    with client(board, "viewer") as people:
        assert people.post("/api/v1/tickets/t-0001/approve").status_code == 403
        assert people.get("/api/v1/tickets/t-0001").json()["state"] == "open"


def test_alerts_come_first_and_name_their_devices(visit, problems):
    page = visit("viewer")
    rows = page.locator("#alerts li")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("'<script>alert(1)</script>' is no topic")
    expect(rows.nth(0).locator("a")).to_have_count(0)
    expect(rows.nth(1).locator(".pill")).to_have_text("no-way-back")
    expect(rows.nth(1).locator("a")).to_have_attribute("href", "/devices/station-05")
    expect(rows.nth(2)).to_contain_text("3 times")
    expect(page.locator("#alerts button")).to_have_count(0)
    assert page.evaluate("alerts.compareDocumentPosition(attention) & Node.DOCUMENT_POSITION_FOLLOWING")
    assert problems == []


def test_operator_closes_an_alert_and_it_comes_back_when_it_happens_again(visit, board, problems):
    page = visit("operator")
    row = page.locator("#alerts li", has_text="station-05")
    row.locator("button").focus()
    page.wait_for_timeout(2500)
    expect(row.locator("button")).to_be_focused()
    page.keyboard.press("Enter")
    expect(row).to_have_count(0)
    expect(page.locator("#alerts li")).to_have_count(2)
    with board.production.database.begin() as session:
        told = session.scalars(select(Audit).where(Audit.action == "alert.close")).one()
        assert (told.actor, told.detail) == ("otto", {"kind": "no-way-back", "about": "station-05"})
        raise_alert(session, "no-way-back", "station-05", "no signed way back to tiles v0", board.context.now_ms())
    expect(row).to_contain_text("2 times", timeout=20000)
    assert problems == []


def test_overview_says_how_many_alerts_it_leaves_out(visit, board):
    now = board.context.now_ms()
    with board.production.database.begin() as session:
        for number in range(50):
            raise_alert(session, "quarantine", f"stranger-{number}", "is not enrolled", now)
    try:
        page = visit("viewer")
        expect(page.locator("#alerts li")).to_have_count(50)
        expect(page.locator("#alerts")).to_contain_text("The latest 50 of 53 alerts")
    finally:
        with board.production.database.begin() as session:
            session.execute(delete(Alert).where(Alert.subject.startswith("stranger-")))


def test_operator_pauses_and_resumes_a_rollout(visit, board):
    page = visit("operator", "/rollouts/r1")
    page.click("text=Pause")
    expect(page.locator("#sub")).to_contain_text("paused")
    page.click("text=Resume")
    expect(page.locator("#sub")).to_contain_text("running")


def test_operator_approves_a_ticket_and_the_trainer_serves_it(visit, board):
    page = visit("operator", "/tickets/t-0001")
    expect(page.locator("#labels img")).to_have_count(6)
    for picture in page.locator("#labels img").all():
        expect(picture).not_to_have_js_property("naturalWidth", 0)
    with client(board) as trainer:
        refused = trainer.post("/api/v1/tickets/t-0001/claim")
        assert (refused.status_code, "approve" in refused.json()["error"]) == (422, True)
        page.once("dialog", lambda dialog: dialog.accept())
        page.click("text=Approve")
        expect(page.locator("#story")).to_contain_text("approved")
        assert trainer.post("/api/v1/tickets/t-0001/claim").json()["state"] == "claimed"
        rows = list(csv.DictReader(io.StringIO(trainer.get("/api/v1/tickets/t-0001/labels.csv").text)))
        assert len(rows) == 6
        name = rows[0]["image"].removeprefix("images/").removesuffix(".png")
        picture = trainer.get(f"/api/v1/images/{name}")
        assert digest_bytes(picture.content) == name
        said = {"model": "tiles", "version": "v2", "run": "r-9"}
        assert trainer.post("/api/v1/tickets/t-0001/served", json=said).json()["result"] == said
    expect(page.locator("#facts")).to_contain_text("tiles v2", timeout=20000)
    with board.production.database.begin() as session:
        session.get_one(Ticket, "t-0001").state = "open"


def test_light_and_dark_are_remembered(visit):
    page = visit("viewer")
    before = page.evaluate("document.documentElement.dataset.theme")
    page.click("#theme")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") != before


def test_nobody_gets_in_without_a_token(browser, board):
    with httpx.Client(base_url=board.url, trust_env=False) as nobody:
        for path in ("/", "/devices", "/rollouts/r1", "/drift", "/tickets/t-0001"):
            answer = nobody.get(path)
            assert (answer.status_code, answer.headers["location"].startswith("/login?next=")) == (303, True)
        for path in ("summary", "drift", "alerts", "tickets", "tickets/t-0001/labels.csv", f"images/{'0' * 64}"):
            assert nobody.get(f"/api/v1/{path}").status_code == 401
        assert nobody.post("/login", data={"token": "guess"}).status_code == 401


@pytest.mark.parametrize(
    "target", ["//evil.example/x", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_log_in_never_leads_to_another_site(board, target):
    with httpx.Client(base_url=board.url, trust_env=False) as person:
        answer = person.post("/login", data={"token": "viewer-token", "target": target})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_cookie_alone_changes_nothing(board):
    with httpx.Client(base_url=board.url, trust_env=False, cookies={"lineside": "operator-token"}) as person:
        assert person.get("/api/v1/summary").status_code == 200
        assert person.post("/api/v1/rollouts/r1/pause").status_code == 401
        assert person.post("/api/v1/rollouts/r1/pause", headers={"X-Lineside": "1"}).status_code == 200
        assert person.post("/api/v1/rollouts/r1/resume", headers={"X-Lineside": "1"}).status_code == 200


def test_pages_forbid_inline_scripts_and_frames(board):
    with httpx.Client(base_url=board.url, trust_env=False) as person:
        policy = person.get("/login").headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert person.get("/static/..%2Fapp.py").status_code == 404


def test_only_the_device_itself_uploads_its_pictures(board):
    body = grey_png(200)
    sha = digest_bytes(body)
    login = ("station-02", password(board, "station-02"))
    with httpx.Client(base_url=board.url, trust_env=False) as http:
        path = f"/api/v1/devices/station-02/images/{sha}"
        assert http.put(path, content=body).status_code == 401
        assert http.put(path, content=body, auth=("station-02", "guess")).status_code == 401
        assert http.put(path.replace("-02", "-03"), content=body, auth=login).status_code == 403
        assert http.put(path, content=body + b"x", auth=login).status_code == 422
        assert http.put(path.replace(sha, "..%2Fx"), content=body, auth=login).status_code in (404, 422)
        assert http.put(path, content=bytes(11 << 20), auth=login).status_code == 422
        for _ in range(2):
            assert http.put(path, content=body, auth=login).status_code == 204
    with client(board, "viewer") as person:
        answer = person.get(f"/api/v1/images/{sha}")
    assert (answer.content, answer.headers["content-type"]) == (body, "image/png")
    assert answer.headers["x-content-type-options"] == "nosniff"
