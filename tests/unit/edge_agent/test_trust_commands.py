"""`edge-agent automation` and `edge-agent challenge` beside a journal."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from edge_agent.automation.ledger import record
from edge_agent.challenge import record as challenges
from edge_agent.cli import main
from edge_agent.contracts.verdict import Automation, Reason, Verdict
from edge_agent.decision.automation import followed
from edge_agent.decision.challenge import Moment
from edge_agent.decision.sampling import Sampled, Scheme
from edge_agent.home import Home
from edge_agent.journal.journal import Decision
from tests.simulators.station import PIN, StationHome

CHALLENGE = {"parts": [{"name": "CH-BAD", "known": "reject"}]}


@pytest.fixture
def station(tmp_path: Path) -> StationHome:
    station = StationHome(Home(tmp_path / "home")).people(Anna="operator", Chiara="supervisor")
    promotion = {"parts_min": 20, "escape_max": 0.15, "overkill_max": 0.2, "agreement_min": 0.8}
    station.home.config.write_text(yaml.safe_dump({"promotion": promotion, "challenge": CHALLENGE}))
    change = followed(None, Automation.ASSIST, "recipe")
    assert change is not None
    with station.journal.database.transaction():
        record(station.journal.database, station.boot, change, 1)
    return station


def run(station: StationHome, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--home", str(station.home.root)])


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.output.splitlines()[-1])


def answered(station: StationHome, count: int) -> None:
    database = station.journal.database
    for _ in range(count):
        drawn = Sampled(Verdict.ACCEPT, Scheme.ALL, 1.0, True)
        decision = Decision(Verdict.ACCEPT, Reason.MODEL, score=0.1, bundle=station.bundle, sample=drawn)
        part = station.decide(decision)
        said = {"operator": "Anna", "verdict": "accept", "label": "", "at_ms": 1, "late": 0, "conflict": 0}
        with database.transaction():
            database.run("add_answer", part=part.id, **said)


def test_a_step_up_by_a_supervisor_with_a_pin_and_evidence(station: StationHome) -> None:
    promote = ("automation", "promote", "--why", "audits", "--pin", PIN)
    answered(station, 10)
    early = run(station, *promote, "--name", "Chiara")
    assert early.exit_code == 3
    assert "assist cannot go to partial yet: 10 more answered parts needed, 10 so far" in early.output
    answered(station, 10)
    assert said(run(station, "automation", "show", "--json"))["allowed"]
    assert "this needs a supervisor" in run(station, *promote, "--name", "Anna").output
    assert "wrong name or PIN" in run(station, *promote[:-1], "0000", "--name", "Chiara").output
    assert said(run(station, *promote, "--name", "Chiara", "--json"))["after"] == "partial"
    lowered = said(run(station, "automation", "set", "shadow", "--why", "new lamp", "--json"))
    assert (lowered["before"], lowered["after"]) == ("partial", "shadow")
    raised = run(station, "automation", "set", "partial", "--why", "x")
    assert raised.exit_code == 3
    assert "not lower" in raised.output
    shown = run(station, "automation", "show").output
    assert "degree: shadow" in shown
    assert "next: assist, allowed" in shown


def test_a_lock_is_shown_listed_and_lifted(station: StationHome, tmp_path: Path) -> None:
    database = station.journal.database
    station.pass_by(Verdict.ACCEPT)
    failed = station.pass_by(Verdict.REJECT, Reason.CHALLENGE)
    with database.transaction():
        at = Moment(failed.id, str(station.boot), station.bundle, 1.0, 1)
        challenges.present(database, "CH-BAD", Verdict.REJECT, at)
    challenges.conclude(database, station.boot, "CH-BAD", failed.id, "the machine accepts it", 2)
    assert "LOCKED: CH-BAD: the machine accepts it; 1 parts in doubt" in run(station, "challenge", "show").output
    assert "must unlock it first" in run(station, "challenge", "start", "CH-BAD").output
    out = tmp_path / "suspects.csv"
    assert said(run(station, "challenge", "suspects", "--out", str(out), "--json"))["count"] == 1
    with out.open() as file:
        assert [row["serial"] for row in csv.DictReader(file)] == ["P-00001"]
    unlock = ("challenge", "unlock", "--name", "Chiara", "--pin", PIN, "--why", "lens cleaned")
    assert said(run(station, *unlock, "--json"))["unlocked"] == "CH-BAD"
    assert "not locked" in run(station, *unlock).output
    assert said(run(station, "challenge", "start", "CH-BAD", "--json"))["started"]
    assert said(run(station, "challenge", "show", "--json"))["armed"] == "CH-BAD"
    assert not said(run(station, "challenge", "start", "CH-BAD", "--cancel", "--json"))["started"]
    unknown = run(station, "challenge", "start", "CH-X")
    assert "no challenge part 'CH-X'; known: CH-BAD" in unknown.output


def test_without_a_model_there_is_nothing_to_promote(tmp_path: Path) -> None:
    empty = StationHome(Home(tmp_path / "empty"))
    assert "no model has judged at this station yet" in run(empty, "automation", "show").output
    assert "no part is in doubt" in run(empty, "challenge", "suspects").output
