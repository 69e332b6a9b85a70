import json
import shutil
from pathlib import Path

import pytest

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import ConfigError
from tests.simulators.ticket_fleet import TicketFleet
from trainer.delivery import history
from trainer.request import Request
from trainer.retraining.live import evaluate_live, every_ms, is_due, measured

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
TINY = BundleFolder(FIXTURES / "bundles" / "tiny-v1")


def test_a_bound_is_broken_when_chance_is_excluded():
    assert not measured([("accept", False)] * 50, 0.02).broken
    assert "none defective" in measured([("accept", False)] * 50, 0.02).text
    assert not measured([("accept", True)] + [("reject", True)] * 3, 0.02).broken
    found = measured([("accept", True)] * 5 + [("review", True)] * 15 + [("accept", False)] * 80, 0.02)
    assert found.broken
    assert (found.parts, found.defective, found.escaped) == (100, 20, 5)
    assert "5 of 20 defective parts accepted among 100 audited parts" in found.text
    assert "above the target 2.0%" in found.text


def test_how_often_is_a_number_and_a_unit(tmp_path):
    assert (every_ms("30m"), every_ms("1d")) == (1_800_000, 86_400_000)
    with pytest.raises(ConfigError, match="such as 1d"):
        every_ms("daily")
    assert is_due(tmp_path, 1000, 5000)
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "last.json").write_text('{"at_ms": 4500}')
    assert not is_due(tmp_path, 1000, 5000)
    assert is_due(tmp_path, 1000, 5500)


class LiveFleet(TicketFleet):
    """A fleet that has published tiny v1 and knows what people said of parts since."""

    told: list

    def answer(self, method, path, body):
        if path.startswith("/api/v1/models"):
            row = {"name": "tiny", "version": "v1", "bundle": TINY.id, "revert": False, "published_ms": 7}
            return 200, json.dumps({"models": [row]}).encode()
        if path.startswith(f"/api/v1/live/{TINY.id}/labels.csv"):
            assert path.endswith("since=7")
            return 200, self.table().replace(",\n", ",test\n").encode()
        if path == "/api/v1/live/evaluations":
            self.told.append(body)
            return 200, json.dumps({"tickets": [{"id": "t-9"}] if body["broken"] else []}).encode()
        return super().answer(method, path, body)


@pytest.fixture
def fleet(tmp_path):
    made = LiveFleet()
    made.told = []
    stop = made.serve(tmp_path / "home")
    yield made
    stop()


@pytest.fixture
def request_(tmp_path):
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text("name: tiny\nlabels: {good: ok, defects: [scratch, pit]}\n")
    root = tmp_path / "root"
    shutil.copytree(TINY.folder, root / "pushed" / "tiny" / "v1")
    history.add(root, history.Blessed("tiny", "v1", 1, TINY.id, "", "", "", "", "", {}))
    return Request(str(recipe), (), root)


def test_the_live_model_is_judged_and_a_broken_bound_opens_a_ticket(fleet, request_, tmp_path):
    """Good parts that people call defective: the model accepts them, which is an escape each."""
    said = []
    assert evaluate_live(request_, tmp_path / "home", 1000, said.append)["evaluated"] is False
    assert "nobody has labelled a part yet" in said[-1]
    good = [line.split(",") for line in (FIXTURES / "parts" / "labels.csv").read_text().splitlines()[1:]]
    good = [row for row in good if row[4] == "ok"]
    for number, row in enumerate(good):
        fleet.label((FIXTURES / "parts" / row[0]).read_bytes(), f"p{number}", "pit")
    found = evaluate_live(request_, tmp_path / "home", 2000, said.append)
    assert found["defective"] == len({digest_bytes((FIXTURES / "parts" / row[0]).read_bytes()) for row in good})
    assert found["escaped"] > 0
    assert found["broken"]
    assert found["tickets"] == ["t-9"]
    assert "ticket t-9" in said[-1]
    (told,) = fleet.told
    assert (told["bundle"], told["broken"], told["first_ms"], told["last_ms"]) == (TINY.id, True, 7, 2000)
    written = json.loads((request_.root / "live" / "v1" / "evaluation.json").read_text())
    assert written["text"] == told["text"]
    assert not is_due(request_.root, 10, 2005)


def test_a_fleet_without_a_model_of_this_root_is_told(fleet, request_, tmp_path):
    (request_.root / "blessed.json").unlink()
    with pytest.raises(ConfigError, match="no release of tiny that was blessed here"):
        evaluate_live(request_, tmp_path / "home", 1000, lambda text: None)
