"""The serial of a part from codes in its pictures, through the hot loop: real codes, real decoder, real journal."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config import StationConfig, TriggerConfig
from edge_agent.contracts.messages import Stream
from edge_agent.contracts.verdict import Verdict
from edge_agent.journal import outbox, reviews
from tests.conftest import wait_for
from tests.simulators.codes import PART, STRIP, blurred, code, faded, labelled, turned
from tests.simulators.line import SCRATCHED, LineRig, altered_bundle, install, picture


def bundle(folder: Path, identity: dict[str, Any], **more: Any) -> Path:
    """A bundle whose recipe has this identity; codes are looked for in the strip below the part."""
    if identity.get("source") == "code":
        identity = {"region": STRIP, **identity}
        more["recipe__camera__crop"] = more["input__crop"] = PART
    return altered_bundle(folder, recipe__identity=identity, **more)


def judged(rig: LineRig, *images: Any, serial: str = "") -> tuple[str, str | None, str | None]:
    """Show a part by its pictures; return serial, final verdict (None while held) and reason in the journal."""
    before = len(rig.parts())
    for view, image in enumerate(images):
        rig.camera.show(image, serial, view, len(images))
    rig.step(until=before + 1)
    part = rig.parts()[-1]
    return part.serial, part.final, part.reason


CODES = {"source": "code", "missing": "reject"}
SPOILT = {
    "sharp": lambda image: image,
    "blurred": lambda image: blurred(image, 1.2),
    "low contrast": lambda image: faded(image, 110, 135),
    "blurred and low contrast": lambda image: blurred(faded(image, 100, 150), 1.0),
}


@pytest.mark.parametrize("spoil", SPOILT)
@pytest.mark.parametrize("kind", ["data-matrix", "qr-code", "code-128"])
def test_a_code_in_the_picture_is_the_serial(tmp_path: Path, kind: str, spoil: str) -> None:
    with LineRig(tmp_path / "home", bundle(tmp_path / "bundle", CODES)) as rig:
        scene = labelled(code("SN-0042", kind, 2 if kind == "code-128" else 3))
        height = round(scene.shape[0] * STRIP["top"])
        scene[height:] = SPOILT[spoil](scene[height:])
        assert judged(rig, scene, serial="folder-name") == ("SN-0042", "accept", "model")
        event = json.loads(outbox.page(rig.hot.journal.database, rig.boot, Stream.EVENT, 0, 9)[0].payload)
        assert event["serial"] == "SN-0042"


@pytest.mark.parametrize("kind", ["data-matrix", "qr-code"])
def test_a_code_in_white_on_black_is_read(tmp_path: Path, kind: str) -> None:
    with LineRig(tmp_path / "home", bundle(tmp_path / "bundle", CODES)) as rig:
        assert judged(rig, labelled(255 - code("SN-0042", kind)))[0] == "SN-0042"


@pytest.mark.parametrize("degrees", [17, 45, 90, 180])
def test_a_turned_code_is_read(tmp_path: Path, degrees: int) -> None:
    with LineRig(tmp_path / "home", bundle(tmp_path / "bundle", CODES)) as rig:
        scene = labelled(turned(code("SN-0042", scale=4), degrees))
        assert judged(rig, scene)[0] == "SN-0042"


@pytest.mark.parametrize(
    ("policy", "ruling"),
    [("ignore", ("accept", "model")), ("reject", ("reject", "no-id")), ("review", (None, "no-id"))],
)
def test_a_part_without_code_obeys_the_policy(tmp_path: Path, policy: str, ruling: tuple[str | None, str]) -> None:
    with LineRig(tmp_path / "home", bundle(tmp_path / "bundle", {"source": "code", "missing": policy})) as rig:
        assert judged(rig, labelled(), serial="folder-name") == ("", *ruling)


def test_nobody_is_asked_at_full_automation(tmp_path: Path) -> None:
    identity = {"source": "code", "missing": "review"}
    with LineRig(tmp_path / "home", bundle(tmp_path / "bundle", identity, recipe__automation="full")) as rig:
        assert judged(rig, labelled()) == ("", "reject", "no-id")


def test_a_defective_part_is_rejected_for_its_defect_and_keeps_its_serial(tmp_path: Path) -> None:
    identity = {"source": "code", "missing": "review"}
    with LineRig(tmp_path / "home", bundle(tmp_path / "bundle", identity)) as rig:
        assert judged(rig, labelled(code("SN-1"), name=SCRATCHED)) == ("SN-1", "reject", "model")
        assert judged(rig, labelled(name=SCRATCHED)) == ("", "reject", "model")


def test_two_codes_are_ambiguous_unless_one_alone_matches(tmp_path: Path) -> None:
    both = labelled(code("SN-0042"), code("LOT-7", "qr-code"))
    with LineRig(tmp_path / "any", bundle(tmp_path / "bundle", CODES)) as rig:
        assert judged(rig, both) == ("", "reject", "no-id")
    with LineRig(tmp_path / "one", bundle(tmp_path / "strict", {**CODES, "pattern": "SN-[0-9]{4}"})) as rig:
        assert judged(rig, both) == ("SN-0042", "accept", "model")
        assert judged(rig, labelled(code("SN-00421"))) == ("", "reject", "no-id")
    with LineRig(tmp_path / "kind", bundle(tmp_path / "kinds", {**CODES, "formats": ["qr-code"]})) as rig:
        assert judged(rig, both) == ("LOT-7", "accept", "model")


def test_a_code_outside_the_region_is_not_read(tmp_path: Path) -> None:
    region = {"left": 0.0, "top": 0.0, "right": 1.0, "bottom": 0.5}
    with LineRig(tmp_path / "home", bundle(tmp_path / "bundle", {**CODES, "region": region})) as rig:
        assert judged(rig, labelled(code("SN-1"))) == ("", "reject", "no-id")


def test_a_gs1_code_reads_as_people_write_it(tmp_path: Path) -> None:
    text = "(01)09501101530003(21)A7"
    identity = {**CODES, "pattern": r"\(01\)[0-9]{14}\(21\).+"}
    with LineRig(tmp_path / "home", bundle(tmp_path / "bundle", identity)) as rig:
        assert judged(rig, labelled(code(text, gs1=True)))[0] == text


def test_the_code_may_be_in_any_view_but_must_be_one(tmp_path: Path) -> None:
    with LineRig(tmp_path / "home", bundle(tmp_path / "bundle", CODES)) as rig:
        first, second, none = labelled(code("SN-1")), labelled(code("SN-2")), labelled()
        assert judged(rig, none, first) == ("SN-1", "accept", "model")
        assert judged(rig, second, second) == ("SN-2", "accept", "model")
        assert judged(rig, first, second) == ("", "reject", "no-id")


def test_a_missing_view_rejects_whatever_the_code_says(tmp_path: Path) -> None:
    made = bundle(tmp_path / "bundle", CODES, recipe__views__count=2, recipe__deadline_ms=1500)
    with LineRig(tmp_path / "home", made) as rig:
        rig.camera.show(labelled(code("SN-1")), views=0)
        rig.step(until=1)
        part = rig.parts()[0]
        assert (part.final, part.reason, part.score) == ("reject", "no-image", None)
        assert rig.gate.told == [(1, "reject", "no-image")]


def test_a_torn_picture_stays_a_bad_image_whatever_the_policy(tmp_path: Path) -> None:
    with LineRig(tmp_path / "home", bundle(tmp_path / "bundle", {"source": "code", "missing": "review"})) as rig:
        assert judged(rig, None) == ("", "reject", "bad-image")


@pytest.mark.parametrize(
    ("policy", "ruling"),
    [("ignore", ("accept", "model")), ("reject", ("reject", "duplicate-id")), ("review", (None, "duplicate-id"))],
)
def test_a_serial_that_was_accepted_before_is_a_duplicate_across_a_restart(
    tmp_path: Path, policy: str, ruling: tuple[str | None, str]
) -> None:
    made = bundle(tmp_path / "bundle", {"source": "code", "duplicate": policy})
    with LineRig(tmp_path / "home", made) as rig:
        assert judged(rig, labelled(code("SN-1"))) == ("SN-1", "accept", "model")
    with LineRig(tmp_path / "home", made) as again:
        assert judged(again, labelled(code("SN-2"))) == ("SN-2", "accept", "model")
        assert judged(again, labelled(code("SN-1"))) == ("SN-1", *ruling)


def test_a_rejected_part_may_come_again_unless_any_verdict_counts(tmp_path: Path) -> None:
    for duplicate_of, expected in (("accepted", "model"), ("any", "duplicate-id")):
        identity = {"duplicate": "reject", "duplicate_of": duplicate_of}
        made = bundle(tmp_path / duplicate_of / "bundle", identity)
        with LineRig(tmp_path / duplicate_of / "home", made) as rig:
            assert judged(rig, picture(SCRATCHED), serial="a")[1:] == ("reject", "model")
            assert judged(rig, picture(), serial="a")[2] == expected


def test_a_serial_that_waits_for_a_person_counts_until_it_is_rejected(tmp_path: Path) -> None:
    identity = {"duplicate": "reject"}
    made = bundle(tmp_path / "bundle", identity, thresholds=(0.000001, 0.999999))
    with LineRig(tmp_path / "home", made) as rig:
        assert judged(rig, picture(), serial="a")[1:] == (None, "unsure")
        assert judged(rig, picture(), serial="a")[1:] == ("reject", "duplicate-id")
        held = reviews.waiting(rig.hot.journal)[0].part
        reviews.answer(rig.hot.journal, held, "ann", Verdict.REJECT, "", 0, rig.hot.clock.monotonic())
        assert judged(rig, picture(), serial="a")[1:] == (None, "unsure")


def test_only_so_many_parts_are_looked_back(tmp_path: Path) -> None:
    made = bundle(tmp_path / "bundle", {"duplicate": "reject", "duplicate_parts": 2})
    with LineRig(tmp_path / "home", made) as rig:
        reasons = [judged(rig, picture(), serial=serial)[2] for serial in ("a", "b", "a", "c", "d", "b")]
        assert reasons == ["model", "model", "duplicate-id", "model", "model", "model"]


def test_a_triggers_serial_must_match_and_is_written_all_the_same(tmp_path: Path) -> None:
    config = StationConfig(trigger=TriggerConfig(kind="http"))
    made = bundle(tmp_path / "bundle", {"missing": "reject", "pattern": "SN-[0-9]+"})
    with LineRig(tmp_path / "home", made, config) as rig:
        for count, serial in enumerate(("SN-1", "hello", ""), start=1):
            rig.camera.show(picture())
            rig.channel.deliver({"kind": "trigger", "serial": serial, "request": "r"})
            rig.step(until=count)
        found = [(part.serial, part.final, part.reason) for part in rig.parts()]
        assert found == [("SN-1", "accept", "model"), ("hello", "reject", "no-id"), ("", "reject", "no-id")]


def test_parts_that_have_no_serial_get_none(tmp_path: Path) -> None:
    with LineRig(tmp_path / "home", bundle(tmp_path / "bundle", {"source": "none"})) as rig:
        assert judged(rig, picture(), serial="folder-name") == ("", "accept", "model")


def test_the_picture_of_a_part_held_for_its_serial_teaches_no_model(tmp_path: Path) -> None:
    with LineRig(tmp_path / "home", bundle(tmp_path / "bundle", {"source": "code", "missing": "review"})) as rig:
        judged(rig, labelled())
        rig.hot._ring.close()
        assert rig.hot.journal.database.rows("images_wanted", limit=9) == []
        assert reviews.waiting(rig.hot.journal)[0].image is not None, "a person sees it all the same"


def test_the_lookup_for_duplicates_uses_the_index(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        database = rig.hot.journal.database
        values = {"serial": "a", "part": 9, "since": 1, "any": False}
        plan = database._connection.execute("EXPLAIN QUERY PLAN " + database._sql["serial_before"], values).fetchall()
        assert "part_serial" in str(plan)
        assert "rowid>" in str(plan)


def test_a_model_whose_codes_cannot_be_read_is_not_taken_into_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zxingcpp", None)
    with LineRig(tmp_path / "home") as rig:
        wanted = install(rig.home, bundle(tmp_path / "bundle", CODES), active=False)
        rig.channel.deliver({"kind": "activate", "bundle": wanted})
        wait_for(lambda: rig.hot.step(0.0) or bool(rig.said("activate_failed")), 10, "the refusal")
        assert "pip install zxing-cpp" in rig.said("activate_failed")[0]["reason"]
        assert judged(rig, picture())[1:] == ("accept", "model"), "the model before it goes on"
