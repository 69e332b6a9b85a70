"""What the doctor says of the machine: user, files, disk, clock, with real files and a real server."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from edge_agent.home import Home
from edge_agent.service import machine


def test_root_is_a_warning_with_a_remedy(tmp_path: Path) -> None:
    found = machine.user(0, tmp_path)
    assert (found.ok, found.warning) == (True, True)
    assert "edge-agent service install" in found.remedy
    assert not machine.user(65534, tmp_path).warning


def test_secrets_that_others_may_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "api.token").write_text("x")
    (tmp_path / "api.token").chmod(0o644)
    found = machine.files(Home(tmp_path), os.geteuid())
    assert not found.ok
    assert found.remedy == f"chmod 600 {tmp_path / 'api.token'}"
    (tmp_path / "api.token").chmod(0o600)
    assert machine.files(Home(tmp_path), os.geteuid()).ok


def test_files_of_another_user_are_found(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"")
    assert machine.files(Home(tmp_path), os.geteuid()).ok
    found = machine.owners({tmp_path: 1000, tmp_path / "journal.db": 65534}, tmp_path)
    assert found is not None
    assert not found.ok
    assert str(tmp_path / "journal.db") in found.found
    assert found.remedy.startswith("chown -R")


def test_a_usb_camera_that_is_not_there_or_not_allowed_is_told_from_one_that_hangs() -> None:
    present = [Path("/dev/video0"), Path("/dev/video2")]
    assert "no /dev/video1 (present: /dev/video0, /dev/video2)" in machine.video("1", present, os.access)
    assert "(present: none)" in machine.video("/dev/v4l/by-id/cam", [], os.access)
    assert "usermod -aG video" in machine.video("2", present, lambda path, mode: False)
    assert machine.video("/dev/video0", present, lambda path, mode: True) == ""


def test_a_disk_that_is_too_small_and_a_home_that_is_not_there(tmp_path: Path) -> None:
    assert machine.disk(tmp_path, 1.0).ok
    assert "needed" in machine.disk(tmp_path, 1e12).found
    assert not machine.disk(tmp_path / "gone", 1.0).ok
    assert not machine.files(Home(tmp_path / "gone"), 0).ok


def test_a_read_only_disk_is_said() -> None:
    read_only = [Path(line.split()[1]) for line in Path("/proc/mounts").read_text().splitlines() if " ro" in line]
    for place in read_only:
        if place.is_dir() and os.statvfs(place).f_flag & os.ST_RDONLY:
            assert "read-only" in machine.disk(place, 0.0).found


def test_a_disk_that_takes_no_file_though_it_looks_well_is_said(tmp_path: Path) -> None:
    """As after an error of the file system; here by a limit of the process."""
    look = (
        "import pathlib, resource, sys; from edge_agent.service import machine; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); "
        "found = machine.disk(pathlib.Path(sys.argv[1]), 0.0); print(found.ok, found.found, found.remedy)"
    )
    done = subprocess.run([sys.executable, "-c", look, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"False {tmp_path} takes no file (File too large)")
    assert "dmesg" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_clock_of_1970_is_a_fault() -> None:
    found = list(machine.clock(1000.0, ""))
    assert [finding.ok for finding in found] == [False]


@pytest.mark.parametrize(("ahead_s", "warned"), [(0.0, False), (3600.0, True), (-3600.0, True)])
def test_the_clock_is_compared_with_the_fleets(ahead_s: float, warned: bool) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/registry"
        found = list(machine.clock(time.time() + ahead_s, url))
        server.shutdown()
    assert [finding.check for finding in found] == ["clock", "fleet clock"]
    assert found[1].warning == warned


def test_a_fleet_that_is_away_says_nothing_of_the_clock() -> None:
    assert [finding.check for finding in machine.clock(time.time(), "http://127.0.0.1:9/")] == ["clock"]
