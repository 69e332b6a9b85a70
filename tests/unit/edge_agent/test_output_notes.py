"""When it is noted that an output has moved."""

from __future__ import annotations

from pathlib import Path

from edge_agent.config import StationConfig, TriggerConfig
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Journal
from tests.simulators.line import GOOD, LineRig, picture


def test_that_the_output_moved_is_noted_with_the_next_part_or_once_none_follows(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        for serial in "abc":
            rig.camera.show(picture(GOOD), serial)
        rig.step(until=1)
        assert [part.output for part in rig.parts()] == ["none"], "the gate moved, and another part waits"
        rig.step(until=3)
        assert [part.output for part in rig.parts()] == ["driven", "driven", "none"]
        rig.step()
        assert [part.output for part in rig.parts()] == ["driven"] * 3
        rig.camera.show(picture(GOOD), "d")
        rig.step(until=4)
    database = Database(rig.home.journal)
    assert [part.output for part in Journal(database, rig.boot).recent(4)] == ["driven"] * 4, "a clean end notes it"
    database.close()


def test_where_parts_are_asked_for_it_is_noted_before_the_next_is_waited_for(tmp_path: Path) -> None:
    with LineRig(tmp_path, config=StationConfig(trigger=TriggerConfig(kind="http"))) as rig:
        for count in (1, 2):
            rig.camera.show(picture(GOOD))
            rig.channel.deliver({"kind": "trigger", "serial": "", "request": "r"})
            rig.step(until=count)
        rig.step()
        assert [part.output for part in rig.parts()] == ["driven", "driven"]
