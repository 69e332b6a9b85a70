"""What must not be seen before the decision; second looks and known parts, which decide nothing."""

import json

import pytest
from click.testing import CliRunner

from edge_agent.cli import main as command
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.messages import Stream
from edge_agent.contracts.verdict import Verdict
from edge_agent.decision.checking import Question, borrowed_name, next_question
from edge_agent.journal import checks, outbox
from edge_agent.journal.reader import read_journal
from edge_agent.report.period import Wish, chosen
from edge_agent.report.reading import read_numbers
from edge_agent.station.known import KnownParts
from tests.conftest import wait_for
from tests.simulators.line import GOOD, PARTS, SCRATCHED


def queue(client):
    return client.get("/api/queue").json()


def say(client, part, verdict, **more):
    answer = client.post(f"/api/parts/{part}/answer", json={"verdict": verdict, "label": "", **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def drawn(desk, operator):
    """Wait until the person is going to be asked; the question is made after the answer was sent, which takes time."""
    wait_for(lambda: checks.shown(desk.station.journal.database, operator, str(desk.station.boot), 0.0), 20, "a draw")
    assert queue(desk.browser(operator)) == [], "it does not come at once"
    desk.clock.forward(8)
    desk.hear(mode=desk.app.view.health()["mode"])


def numbers(desk):
    desk.clock.forward(1)
    with read_journal(desk.station.home.journal) as reader:
        found = read_numbers(reader, chosen(Wish(), (), desk.clock.clock.wall_ms()), desk.clock.clock)
    return found


def facts(desk):
    """All that says what was produced: rows, counts, and what the fleet is told."""
    journal = desk.station.journal
    boots = outbox.boots(journal.database, Stream.EVENT)
    told = [entry.payload for boot in boots for entry in outbox.page(journal.database, boot, Stream.EVENT, 0, 999)]
    return journal.recent(99), journal.tallies(), told


@pytest.mark.parametrize("mode", ["shadow", "human"])
def test_no_answer_of_the_station_holds_the_opinion_before_the_decision(desk, mode):
    part = desk.station.hold()
    desk.hear(mode=mode)
    anna, program = desk.browser("Anna"), desk.program()
    pages = ["/api/queue", "/api/recent", "/api/status", "/search?serial=P-00001"]
    for client in (anna, program):
        for page in pages:
            text = client.get(page).text
            assert "0.47" not in text, page
            assert "scratch" not in text.replace('"defects":["scratch","pit"]', ""), page
    state = json.dumps(desk.app.view.state("Anna")).replace(json.dumps(["scratch", "pit"]), "")
    assert "0.47" not in state
    assert "scratch" not in state
    assert anna.get(f"/api/parts/{part.id}/heatmap").status_code == 404
    say(anna, part.id, "accept")
    assert anna.get("/api/recent").json()[0]["score"] == 0.47
    assert anna.get(f"/api/parts/{part.id}/heatmap").status_code == 200


def test_a_held_answer_keeps_the_opinion_hidden_until_it_settles(desk):
    part = desk.station.hold()
    desk.hear(mode="shadow")
    anna = desk.browser("Anna")
    assert say(anna, part.id, "accept", hold=True) == {"outcome": "held", "undo_s": 1.5}
    assert anna.get("/api/recent").json()[0]["score"] is None
    assert anna.get(f"/api/parts/{part.id}/heatmap").status_code == 404
    desk.clock.forward(1.5)
    desk.station.expire()
    assert anna.get("/api/recent").json()[0]["score"] == 0.47


def test_before_the_line_has_said_how_it_decides_nothing_is_shown(desk):
    desk.station.hold()
    assert queue(desk.browser("Anna"))[0]["score"] is None


def test_undo_at_the_api(desk):
    part = desk.station.hold()
    anna, ben = desk.browser("Anna"), desk.browser("Ben")
    say(anna, part.id, "accept", hold=True)
    assert queue(ben) == []
    assert say(ben, part.id, "reject") == {"outcome": "conflict", "decided_by": "Anna"}
    assert ben.post(f"/api/parts/{part.id}/undo", json={}).json()["code"] == "undo-not-yours"
    assert anna.post(f"/api/parts/{part.id}/undo", json={}).json() == {"outcome": "withdrawn"}
    assert [item["part"] for item in queue(ben)] == [part.id]
    say(anna, part.id, "reject")
    refused = anna.post(f"/api/parts/{part.id}/undo", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "undo-decided")
    assert "about to move" in refused.json()["error"]
    assert anna.post("/api/parts/999/undo", json={}).status_code == 404


def test_a_decided_part_is_shown_to_another_person_without_the_first_answer(asking):
    first = asking.station.hold(index=4)
    anna, ben = asking.browser("Anna"), asking.browser("Ben")
    say(anna, first.id, "reject", label="pit")
    journal = asking.station.journal.database
    wait_for(lambda: checks.next_second(journal, "Ben", 2**53) is not None, 5, "a draw")
    asking.clock.forward(70)
    for client in (anna, ben):
        say(client, asking.station.hold(index=7).id, "accept")
    drawn(asking, "Ben")
    assert queue(anna) == [], "nobody is asked about his own answer"
    (card,) = queue(ben)
    assert card["part"] < 0
    assert card["image"] == asking.station.journal.part(first.id).image
    assert (card["label"], card["score"], card["why"]) == ("scratch", 0.47, ""), "the machine's word, not Anna's"
    assert card["serial"].startswith("P-")
    assert card["remaining_s"] > 0
    assert ben.get(card["heatmap"]).status_code == 200
    assert anna.get(card["heatmap"]).status_code == 404
    before = facts(asking)
    say(ben, card["part"], "accept")
    assert queue(ben) == []
    assert facts(asking) == before
    found = numbers(asking)
    assert (found.agreement, found.hit_rate) == (0.0, None)
    assert [(p.name, p.seconds, p.seconds_agreed) for p in found.operators] == [("Anna", 0, 0), ("Ben", 1, 0)]


def test_known_parts_come_up_blindly_and_give_a_hit_rate(asking):
    book = KnownParts(asking.station.home.known)
    scratched, _ = book.add(PARTS / SCRATCHED, Verdict.REJECT, "scratch", 1)
    anna = asking.browser("Anna")
    for verdict in ("reject", "accept"):
        say(anna, asking.station.hold().id, "accept")
        drawn(asking, "Anna")
        (card,) = queue(anna)
        assert card["image"] == scratched.digest
        assert card["score"] is not None
        assert card["heatmap"]
        assert anna.get(f"/api/images/{card['image']}").status_code == 200
        assert anna.get(card["heatmap"]).headers["content-type"] == "image/png"
        assert "known" not in json.dumps(card)
        before = facts(asking)
        assert say(anna, card["part"], verdict, hold=True)["outcome"] == "held"
        assert anna.post(f"/api/parts/{card['part']}/undo", json={}).json() == {"outcome": "withdrawn"}
        assert len(queue(anna)) == 1
        assert say(anna, card["part"], verdict) == {"outcome": "decided"}
        assert facts(asking) == before
    (person,) = numbers(asking).operators
    assert (person.decided, person.known, person.known_right) == (2, 2, 1)
    assert numbers(asking).hit_rate == 0.5


def test_a_known_part_in_shadow_shows_no_opinion_and_times_out_like_a_part(asking):
    KnownParts(asking.station.home.known).add(PARTS / GOOD, Verdict.ACCEPT, "", 1)
    asking.hear(mode="shadow")
    anna, ben = asking.browser("Anna"), asking.browser("Ben")
    say(anna, asking.station.hold().id, "accept")
    drawn(asking, "Anna")
    (card,) = queue(anna)
    assert (card["score"], card["heatmap"], card["label"]) == (None, None, "")
    assert anna.get(f"/api/parts/{card['part']}/heatmap").status_code == 404
    refused = ben.post(f"/api/parts/{card['part']}/answer", json={"verdict": "accept", "label": ""})
    assert refused.status_code == 404
    asking.clock.forward(60)
    assert queue(anna) == []
    assert say(anna, card["part"], "accept")["outcome"] == "late"
    assert numbers(asking).hit_rate is None


def test_without_shares_nothing_is_asked(desk):
    KnownParts(desk.station.home.known).add(PARTS / GOOD, Verdict.ACCEPT, "", 1)
    desk.hear()
    anna, ben = desk.browser("Anna"), desk.browser("Ben")
    say(anna, desk.station.hold().id, "accept")
    desk.clock.forward(4000)
    say(ben, desk.station.hold().id, "accept")
    desk.clock.forward(9)
    assert queue(anna) == queue(ben) == []


def test_what_is_asked_follows_from_chance_and_what_there_is():
    asked = {"known_share": 0.1, "known": True, "second": True, "busy": False}
    assert next_question(0.05, **asked) is Question.KNOWN
    assert next_question(0.5, **asked) is Question.SECOND
    assert next_question(0.05, **asked | {"known": False, "second": False}) is None
    assert next_question(0.05, **asked | {"busy": True}) is None


@pytest.mark.parametrize("serial", ["P-00123", "00000", "A1B2", "no digits", ""])
def test_a_borrowed_name_looks_like_the_parts_names(serial):
    name = borrowed_name(serial, 40, 0.99)
    assert name
    assert len(name) == len(serial) or not serial


def test_the_command_adds_lists_and_removes_by_id(tmp_path):
    run = CliRunner()
    at = ["--home", str(tmp_path), "--json"]
    added = json.loads(run.invoke(command, ["known", "add", str(PARTS / GOOD), "--verdict", "accept", *at]).output)
    assert added["added"]
    assert len(added["id"]) == 12
    text = run.invoke(command, ["known", "list", *at]).output
    assert [part["id"] for part in json.loads(text)["known"]] == [added["id"]]
    assert "/" not in text
    assert run.invoke(command, ["known", "remove", "ffffffffffff", *at]).exit_code != 0
    assert json.loads(run.invoke(command, ["known", "remove", added["id"], *at]).output)["removed"]
    assert KnownParts(tmp_path / "known").all() == []
    assert not list((tmp_path / "known").rglob("*.png"))


def test_only_pictures_that_a_browser_shows_are_taken(tmp_path):
    bad = tmp_path / "notes.png"
    bad.write_text("no picture")
    for path, words in ((bad, "not a readable picture"), (tmp_path / "away.png", "cannot be read")):
        with pytest.raises(Rejected, match=words):
            KnownParts(tmp_path / "known").add(path, Verdict.ACCEPT, "", 1)
