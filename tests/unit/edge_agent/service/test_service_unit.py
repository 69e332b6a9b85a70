"""The systemd unit: what it says, and what systemd's own tools say of it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path, PurePosixPath

import pytest
from click.testing import CliRunner

from edge_agent.cli import main
from edge_agent.contracts.errors import ConfigError
from edge_agent.processes import SILENCE_S
from edge_agent.service.unit import WATCHDOG_S, Place, unit_text
from tests.conftest import program

HOME = PurePosixPath("/var/lib/station-1")


def test_a_user_of_its_own_keeps_the_state(tmp_path: Path) -> None:
    text = unit_text(Place(("/opt/lineside/bin/edge-agent",), HOME))
    assert "DynamicUser=yes\nStateDirectory=station-1\n" in text
    assert "Type=notify" in text
    assert "ExecStart=/opt/lineside/bin/edge-agent run --home /var/lib/station-1\n" in text
    assert "PrivateDevices=yes" in text
    assert "CapabilityBoundingSet=\n" in text


def test_a_camera_and_a_low_port_are_let_through_and_nothing_else() -> None:
    text = unit_text(Place(("/opt/edge-agent",), HOME, "line", camera=True, port=443))
    assert "DeviceAllow=char-video4linux rw" in text
    assert "PrivateDevices" not in text
    assert "CapabilityBoundingSet=CAP_NET_BIND_SERVICE" in text
    assert "User=line\nReadWritePaths=/var/lib/station-1" in text


def test_a_delegate_gets_at_its_device() -> None:
    text = unit_text(Place(("/opt/edge-agent",), HOME, delegate=True))
    assert "PrivateDevices" not in text
    assert "MemoryDenyWriteExecute" not in text
    assert "NoNewPrivileges=yes" in text


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (Place(("/opt/edge-agent",), HOME, "root"), "needs no root"),
        (Place(("/opt/edge-agent",), PurePosixPath("/data/station")), "below /var/lib"),
        (Place(("/opt/edge-agent",), PurePosixPath("/var/lib/a b")), "blanks"),
    ],
)
def test_what_cannot_work_is_refused(place: Place, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        unit_text(place)


def test_percent_and_dollar_are_no_specifiers() -> None:
    text = unit_text(Place(("/opt/100%/edge-agent",), HOME, "line"))
    assert "ExecStart=/opt/100%%/edge-agent run" in text


def test_the_supervisor_is_faster_than_systemd() -> None:
    assert SILENCE_S * 2 < WATCHDOG_S


@pytest.mark.slow
def test_systemd_accepts_the_unit_and_finds_it_well_shut(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    done = CliRunner().invoke(
        main, ["service", "install", "--home", "/var/lib/station-1", "--to", str(tmp_path), "--json"]
    )
    assert done.exit_code == 0, done.output
    path = json.loads(done.output.splitlines()[-1])["unit"]
    verified = subprocess.run([analyze, "verify", path], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    command = [analyze, "security", "--offline=true", "--no-pager", path]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", judged.stdout)
    assert found, judged.stderr
    assert float(found[1]) <= 2.0


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["service", "install", "--home", "/var/lib/s", "--to", str(tmp_path / "no")])
    assert done.exit_code == 5
    assert "use sudo" in done.output
