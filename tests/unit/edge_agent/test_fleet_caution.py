"""The fleet mistrusts the running model: the station lowers its degree by itself, says why, and stays there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from edge_agent.automation import steps
from edge_agent.automation.ledger import history, mistrust, standing_caution
from edge_agent.automation.settings import PromotionConfig
from edge_agent.clock import SYSTEM
from edge_agent.config import StationConfig, TriggerConfig
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.messages import Caution, Desired, ModelRef, decode, encode
from edge_agent.contracts.states import UpdateState
from edge_agent.contracts.verdict import Automation
from edge_agent.install.record import InstallJournal, Record
from edge_agent.install.transitions import Move, Work, consider
from edge_agent.journal.database import Database
from tests.simulators.line import LineRig, altered_bundle

REASON = "the parts look different from training: score moved by +2.1 deviations"
ANY = PromotionConfig(parts_min=1, escape_max=0.9, overkill_max=0.9, agreement_min=0.1)
OPEN_GATE = ANY.model_copy(update={"agreement_min": 1e-9, "escape_max": 1 - 1e-9, "overkill_max": 1 - 1e-9})


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[LineRig]:
    bundle = altered_bundle(tmp_path / "bundle", recipe__views__count=1)
    with LineRig(tmp_path / "home", bundle, StationConfig(trigger=TriggerConfig(kind="http"))) as rig:
        yield rig


def told(rig: LineRig, bundle: str | None, **more: Any) -> None:
    caution = {"bundle": bundle, "reason": REASON, "ticket": "t-0007"} if bundle else None
    rig.channel.deliver({"kind": "settings", "audit": 0.05, **({"caution": caution} if caution else {}), **more})
    rig.step()


def test_the_station_lowers_itself_says_why_and_stays_there(rig: LineRig) -> None:
    assert rig.hot.oversight.mode is Automation.PARTIAL
    told(rig, rig.bundle)
    assert rig.hot.oversight.mode is Automation.ASSIST
    health = rig.hot.health()
    assert health["caution"] == health["lowered"] == f"the fleet sees drift (t-0007): {REASON}"
    told(rig, rig.bundle)
    told(rig, rig.bundle, automation="full")
    assert rig.hot.oversight.mode is Automation.ASSIST, "no word lifts a demotion"
    told(rig, None)
    assert rig.hot.oversight.mode is Automation.ASSIST, "the degree stays until somebody promotes"
    health = rig.hot.health()
    assert (health["caution"], health["lowered"] != "") == ("", True)
    changes = [(entry.cause, entry.after) for entry in history(rig.hot.journal.database)]
    assert changes == [("word", "assist"), ("demoted", "assist"), ("word", "partial")]


def test_a_caution_about_another_model_says_nothing(rig: LineRig) -> None:
    told(rig, "f" * 64)
    assert (rig.hot.oversight.mode, rig.hot.health()["caution"]) == (Automation.PARTIAL, "")


def test_a_station_whose_people_decide_already_keeps_its_degree(rig: LineRig) -> None:
    told(rig, None, automation="shadow")
    told(rig, rig.bundle, automation="shadow")
    assert rig.hot.oversight.mode is Automation.SHADOW
    assert rig.hot.health()["caution"]
    told(rig, rig.bundle, automation="full")
    assert rig.hot.oversight.mode is Automation.ASSIST, "nothing above people's decisions while it lasts"


def desire(rig: LineRig, caution: Caution | None) -> None:
    desired = Desired(generation=3, at_ms=0, caution=caution)
    database = Database(rig.home.journal)
    InstallJournal(database, uuid4(), SYSTEM).adopt(Record(generation=2), desired)
    assert standing_caution(database) == caution
    database.close()


def test_nobody_promotes_above_people_while_the_ticket_is_open(rig: LineRig) -> None:
    told(rig, rig.bundle)
    assert rig.bundle is not None
    caution = Caution(bundle=rig.bundle, reason=REASON, ticket="t-0007")
    desire(rig, caution)
    database = rig.hot.journal.database
    found = steps.standing(database, rig.bundle, OPEN_GATE)
    assert "t-0007" in found.prospect.missing[0]
    assert "t-0007" in found.plain(database)["mistrust"]
    with pytest.raises(Rejected, match="before the fleet's ticket is closed"):
        steps.promote(database, rig.boot, rig.bundle, OPEN_GATE, "Chiara", "seen enough", 1)
    lower = steps.standing(database, rig.bundle, OPEN_GATE.model_copy(update={"demote_to": Automation.PARTIAL}))
    assert not any("t-0007" in words for words in lower.prospect.missing), "up to where it fell nothing is held back"
    desire(rig, None)
    assert not any("t-0007" in words for words in steps.standing(database, rig.bundle, ANY).prospect.missing)


def test_a_caution_is_bound_to_its_model() -> None:
    caution = Caution(bundle="a" * 64, reason=REASON)
    assert mistrust(caution, "a" * 64) == f"the fleet sees drift: {REASON}"
    assert mistrust(caution, "b" * 64) == mistrust(None, "a" * 64) == mistrust(caution, None) == ""


def test_it_travels_and_older_messages_have_none() -> None:
    desired = Desired(generation=1, at_ms=0, caution=Caution(bundle="a" * 64, reason=REASON, ticket="t-0001"))
    assert decode(Desired, encode(desired)) == desired
    assert decode(Desired, b'{"generation":1,"at_ms":0}').caution is None


@pytest.mark.parametrize("state", [UpdateState.COMMITTED, UpdateState.FAILED, UpdateState.REJECTED])
def test_other_settings_for_a_rollout_that_was_answered_start_no_update(state: UpdateState) -> None:
    model = ModelRef(name="plate", version="1", release=1, bundle="a" * 64)
    work = Work(state, 3, 3, model, "r1")
    again = Desired(generation=4, at_ms=0, model=model, rollout="r1")
    assert consider(work, again) is Move.ADOPT
    assert consider(work, again.model_copy(update={"rollout": "r2"})) is Move.OFFER
    other = model.model_copy(update={"bundle": "b" * 64})
    assert consider(work, again.model_copy(update={"model": other})) is Move.OFFER
