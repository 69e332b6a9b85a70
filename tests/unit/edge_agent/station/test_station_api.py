"""The JSON API: who may, what waits, what an answer does."""

import socket

import pytest

from edge_agent.contracts.verdict import Reason, Verdict
from tests.simulators.station import GOOD, PIN

PROTECTED = [
    "/api/queue",
    "/api/recent",
    "/api/status",
    "/api/live",
    "/api/images/" + "0" * 64,
    "/metrics",
    "/v1/models/tiny",
]


@pytest.mark.parametrize("path", PROTECTED)
def test_nothing_is_open_without_a_pin_or_the_token(desk, path):
    nobody = desk.browser()
    assert nobody.get(path).status_code == 401
    assert nobody.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert nobody.get(path, headers={"Cookie": "lineside_session=forged.cookie"}).status_code == 401


def test_without_any_pins_nobody_comes_in_and_the_page_says_how_to_add_one(desk):
    (desk.station.home.root / "pins.json").unlink()
    nobody = desk.browser()
    found = nobody.get("/api/operators").json()
    assert found["operators"] == []
    assert found["command"] == f"edge-agent pin add NAME --home {desk.station.home.root}"
    refused = nobody.post("/api/login", json={"name": "Anna", "pin": PIN})
    assert (refused.status_code, refused.json()["code"]) == (403, "no-pins")


def test_wrong_pins_lock_the_name_and_a_supervisor_unlocks_it(desk):
    browser = desk.browser()
    wrong = {"name": "Anna", "pin": "0000"}
    assert [browser.post("/api/login", json=wrong).json().get("left") for _ in range(4)] == [4, 3, 2, 1]
    locked = browser.post("/api/login", json=wrong)
    assert (locked.status_code, locked.json()["seconds"]) == (429, 31)
    assert "too many wrong PINs for Anna" in locked.json()["error"]
    right = {"name": "Anna", "pin": PIN}
    assert browser.post("/api/login", json=right).status_code == 429, "the right PIN does not tell either"
    assert desk.browser("Ben").post("/api/operators/Anna/unlock").status_code == 403
    assert desk.browser("Chiara").post("/api/operators/Anna/unlock").status_code == 200
    assert browser.post("/api/login", json=right).status_code == 200


def test_a_lockout_ends_by_itself(desk):
    browser = desk.browser()
    for _ in range(5):
        browser.post("/api/login", json={"name": "Anna", "pin": "0000"})
    desk.clock.forward(31)
    assert browser.post("/api/login", json={"name": "Anna", "pin": PIN}).status_code == 200


def test_guessing_names_locks_too(desk):
    browser = desk.browser()
    codes = [browser.post("/api/login", json={"name": f"guess {n}", "pin": PIN}).status_code for n in range(5)]
    assert codes == [401] * 4 + [429]


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(desk):
    cookie = desk.browser().post("/api/login", json={"name": "Anna", "pin": PIN}).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_changes_need_the_token_of_the_session(desk):
    part = desk.station.hold()
    anna = desk.browser("Anna")
    del anna.headers["X-CSRF-Token"]
    path, body = f"/api/parts/{part.id}/answer", {"verdict": "accept", "label": ""}
    assert anna.post(path, json=body).json()["code"] == "request-token"
    anna.headers["X-CSRF-Token"] = desk.browser("Ben").headers["X-CSRF-Token"]
    assert anna.post(path, json=body).status_code == 403
    assert desk.station.journal.part(part.id).final is None


def test_a_session_ends_with_its_pin_with_its_time_and_with_logging_out(desk):
    anna, ben, chiara = (desk.browser(name) for name in ("Anna", "Ben", "Chiara"))
    desk.station.people(Anna="supervisor")
    assert anna.get("/api/queue").status_code == 401
    assert ben.post("/api/logout").status_code == 200
    assert ben.get("/api/queue").status_code == 401
    assert ben.get("/api/me").json() == {"name": "", "role": "", "csrf": ""}
    desk.clock.forward(12 * 3600)
    assert chiara.get("/api/queue").status_code == 401


def test_a_jumping_clock_logs_nobody_out(desk):
    anna = desk.browser("Anna")
    desk.clock.jump(-86_400)
    assert anna.get("/api/queue").status_code == 200
    desk.clock.jump(10 * 365 * 86_400)
    assert anna.get("/api/queue").status_code == 200


def test_the_queue_is_ordered_by_deadline_and_drops_what_is_over(desk):
    desk.hear()
    late, soon = desk.station.hold(9.0, index=1), desk.station.hold(4.0, index=4)
    anna = desk.browser("Anna")
    queue = anna.get("/api/queue").json()
    assert [item["part"] for item in queue] == [soon.id, late.id]
    first = queue[0]
    assert {k: first[k] for k in ("serial", "score", "label", "remaining_s", "budget_s")} == {
        "serial": "P-00002",
        "score": 0.47,
        "label": "scratch",
        "remaining_s": 4.0,
        "budget_s": 20.0,
    }
    assert anna.get(first["heatmap"]).content.startswith(b"\x89PNG")
    picture = anna.get(f"/api/images/{first['image']}")
    assert picture.headers["content-type"] == "image/png"
    desk.clock.forward(4.0)
    assert [item["part"] for item in anna.get("/api/queue").json()] == [late.id]


def test_an_answer_is_the_verdict_and_hot_hears_of_it(desk):
    part = desk.station.hold()
    answer = desk.browser("Anna").post(f"/api/parts/{part.id}/answer", json={"verdict": "reject", "label": "pit"})
    assert answer.json() == {"outcome": "decided"}
    row = desk.station.journal.part(part.id)
    assert (row.final, row.reason, row.label, row.operator) == ("reject", "operator", "pit", "Anna")
    assert desk.sent == [{"to": "hot", "kind": "review_decided", "review": part.id}]


def test_an_accepted_part_is_labelled_good(desk):
    part = desk.station.hold(label="scratch")
    desk.browser("Anna").post(f"/api/parts/{part.id}/answer", json={"verdict": "accept", "label": ""})
    assert desk.station.journal.part(part.id).label == "ok"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"verdict": "review", "label": ""}, 422),
        ({"verdict": "accept", "label": "pit"}, 422),
        ({"verdict": "reject", "label": "ok"}, 422),
        ({"verdict": "reject", "label": "rust"}, 422),
        ({"verdict": "reject", "label": "../x"}, 422),
        ({"label": ""}, 422),
        ({"verdict": "accept", "label": "", "more": 1}, 422),
    ],
)
def test_answers_that_make_no_sense_change_nothing(desk, body, status):
    part = desk.station.hold()
    refused = desk.browser("Anna").post(f"/api/parts/{part.id}/answer", json=body)
    assert refused.status_code == status, refused.text
    assert refused.json()["error"]
    assert desk.station.journal.part(part.id).final is None


def test_parts_that_never_waited_cannot_be_answered(desk):
    part = desk.station.pass_by(Verdict.ACCEPT)
    anna = desk.browser("Anna")
    for number in (part.id, 4711):
        refused = anna.post(f"/api/parts/{number}/answer", json={"verdict": "reject", "label": "pit"})
        assert (refused.status_code, refused.json()["code"]) == (404, "no-review")


def test_programs_read_but_do_not_decide(desk):
    part = desk.station.hold()
    program = desk.program()
    assert len(program.get("/api/queue").json()) == 1
    refused = program.post(f"/api/parts/{part.id}/answer", json={"verdict": "accept", "label": ""})
    assert (refused.status_code, refused.json()["code"]) == (403, "no-person")


@pytest.mark.parametrize("name", ["..%2F..%2Fpins.json", "a" * 63, "A" * 64, "0" * 64, "..", "pins.json"])
def test_pictures_are_found_by_digest_alone(desk, name):
    assert desk.browser("Anna").get(f"/api/images/{name}").status_code == 404


@pytest.mark.parametrize("mode", ["human", "shadow"])
def test_where_people_decide_unbiased_the_opinion_is_hidden(desk, mode):
    part = desk.station.hold()
    desk.hear(mode=mode)
    anna = desk.browser("Anna")
    item = anna.get("/api/queue").json()[0]
    assert (item["score"], item["label"], item["heatmap"], item["peak"]) == (None, "", None, None)
    assert item["image"]
    assert anna.get(f"/api/parts/{part.id}/heatmap").status_code == 404


def test_a_part_held_for_its_serial_says_so_and_its_answer_is_no_label(desk):
    part = desk.station.hold(label="", reason=Reason.DUPLICATE_ID)
    looks = desk.station.hold()
    desk.hear(mode="human")
    anna = desk.browser("Anna")
    assert [item["why"] for item in anna.get("/api/queue").json()] == ["duplicate-id", ""]
    for held in (part, looks):
        anna.post(f"/api/parts/{held.id}/answer", json={"verdict": "accept", "label": ""})
    assert [desk.station.journal.part(held.id).label for held in (part, looks)] == ["", GOOD]


def test_status_says_in_plain_words_why_the_station_is_not_ready(desk):
    anna = desk.browser("Anna")
    assert (anna.get("/api/status").json()["code"], anna.get("/readyz").status_code) == ("starting", 503)
    desk.hear()
    status = anna.get("/api/status").json()
    assert (status["ready"], status["mode"], status["model"]["version"]) == (True, "partial", "v1")
    assert anna.get("/readyz").json() == {"ready": True}
    desk.hear(ready=False, camera="folder:///x: the folder is away", why="folder:///x: the folder is away")
    status = anna.get("/api/status").json()
    assert (status["ready"], status["words"]) == (False, "the camera gives no picture")
    assert status["detail"] == "folder:///x: the folder is away"
    desk.hear(ready=False, bundle=None, why="no model is installed")
    assert anna.get("/api/status").json()["code"] == "no-model"
    desk.clock.forward(5)
    assert anna.get("/readyz").json()["error"].startswith("the inspection process does not answer")


def test_counts_are_of_the_last_parts(desk):
    for number in range(8):
        desk.station.pass_by(Verdict.REJECT if number % 4 == 0 else Verdict.ACCEPT)
    desk.station.pass_by(Verdict.REJECT, Reason.NO_IMAGE)
    part = desk.station.hold()
    anna = desk.browser("Anna")
    anna.post(f"/api/parts/{part.id}/answer", json={"verdict": "accept", "label": ""})
    counts = anna.get("/api/status").json()["counts"]
    assert counts == {"parts": 10, "yield": 0.7, "review_share": 0.1, "over": 10, "timeouts": 0}
    assert [row["reason"] for row in anna.get("/api/recent").json()[:2]] == ["operator", "no-image"]


def test_a_request_that_is_too_large_is_refused_before_it_is_read(desk):
    host, port = desk.url.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as line:
        line.sendall(b"POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n")
        answer = line.recv(4096)
        while b"}" not in answer and (more := line.recv(4096)):
            answer += more
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"at most 32 MB" in answer
