"""Outputs: each part's pulse once, and a failing one keeps nobody from being told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.config import MqttOutputConfig, OutputConfig
from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.home import Home
from edge_agent.outputs.gate import GateFile
from edge_agent.outputs.group import OutputGroup, make_outputs
from edge_agent.outputs.output import Outcome
from tests.simulators.line import Gate, LineRig, picture

OUTCOME = Outcome("boot", 3, "s", Verdict.REJECT, Reason.MODEL)


class Unplugged:
    """A PLC whose cable is out."""

    def drive(self, outcome: Outcome) -> None:
        """Fail."""
        raise Unavailable("the PLC does not answer")

    def close(self) -> None:
        """Nothing is held."""


def test_the_gate_file_has_a_line_a_part(tmp_path: Path) -> None:
    configs, sent = [OutputConfig(kind="gate", path="plc/gate.jsonl"), OutputConfig()], []
    outputs = make_outputs(configs, Home(tmp_path), None, sent.append)
    outputs.drive(OUTCOME)
    outputs.drive(OUTCOME)
    outputs.close()
    lines = (tmp_path / "plc" / "gate.jsonl").read_text().splitlines()
    told = {"boot": "boot", "seq": 3, "serial": "s", "verdict": "reject", "reason": "model"}
    assert [json.loads(line) for line in lines] == [told, told]
    assert sent == [], "nobody needs to be woken"


def test_receivers_by_network_are_left_to_the_uplink_which_is_woken(tmp_path: Path) -> None:
    config, sent = MqttOutputConfig(kind="mqtt", url="mqtt://broker", topic="line/verdict"), []
    outputs = make_outputs([config], Home(tmp_path), None, sent.append)
    outputs.drive(OUTCOME)
    outputs.close()
    assert sent == [{"to": "uplink", "kind": "finished"}]


def test_all_are_told_although_one_fails() -> None:
    gate = Gate()
    with pytest.raises(Unavailable, match="does not answer"):
        OutputGroup([Unplugged(), gate]).drive(OUTCOME)
    assert gate.told == [(3, "reject", "model")]


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    gate = GateFile(Path("/dev/full"))
    with pytest.raises(Unavailable, match="cannot be told"):
        gate.drive(OUTCOME)
    gate.close()


def test_a_part_whose_output_failed_is_unknown_and_never_driven_again(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        rig.hot.line._output = Unplugged()
        rig.camera.show(picture())
        rig.step(until=1)
        assert (rig.parts()[0].final, rig.parts()[0].output) == ("accept", "unknown")
