"""`edge-agent doctor` as a person types it: each fault with its remedy, and no password."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edge_agent.home import Home, replace_json
from tests.simulators.line import PARTS, TINY, install, picture
from tests.simulators.mosquitto import free_port
from tests.simulators.network_camera import NetworkCamera
from tests.unit.edge_agent.test_agent_command import call, credentials, home_on_a_free_port, last_json


def test_the_doctor_finds_each_fault_and_names_its_remedy(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    call("enrol", credentials(tmp_path), "--home", home.root, "--source", f"folder://{PARTS}")
    home.credentials.chmod(0o644)
    install(home, TINY)
    shutil.rmtree(home.bundle(os.listdir(home.bundles)[0]) / "blobs")
    result = call("doctor", "--home", home.root, "--json")
    assert result.exit_code == 5
    findings = {finding["check"]: finding for finding in last_json(result)["findings"]}
    assert not findings["credentials"]["ok"]
    assert findings["credentials"]["remedy"].startswith("chmod 600")
    assert not findings["broker"]["ok"]
    assert not findings["model"]["ok"]
    assert "missing" in findings["model"]["found"]
    assert findings["camera"]["ok"]
    assert findings["runtime"]["ok"]
    assert all(finding["remedy"] for finding in findings.values() if not finding["ok"])


def test_a_station_without_a_fleet_is_no_fault(tmp_path: Path) -> None:
    home = Home(home_on_a_free_port(tmp_path / "home"))
    install(home, TINY)
    home.config.write_text(f"ui: {{port: 0}}\nsource: folder://{PARTS}\n")
    call("pin", "add", "Anna", "--pin", "4711", "--home", home.root)
    result = call("doctor", "--home", home.root, "--json")
    findings = {finding["check"]: finding for finding in last_json(result)["findings"]}
    assert findings["credentials"]["warning"]
    assert "edge-agent enrol" in findings["credentials"]["remedy"]
    assert [finding for finding in findings.values() if not finding["ok"]] == []
    assert result.exit_code == 0


def test_the_doctor_repeats_what_a_running_station_says_of_itself(tmp_path: Path) -> None:
    home = Home(home_on_a_free_port(tmp_path / "home"))
    home.config.write_text("trigger: {kind: plc}\nplc: {host: 127.0.0.1, port: 9}\n")
    for said, ok in (({"ready": False, "why": "the cable is out"}, False), ({"ready": True, "why": ""}, True)):
        replace_json(home.station, {"pid": os.getpid(), "ui": "http://here/", "status": {"hot": said}})
        findings = {
            finding["check"]: finding
            for finding in last_json(call("doctor", "--home", home.root, "--json"))["findings"]
        }
        assert findings["station"]["ok"] is ok
        assert ("the cable is out" in findings["station"]["found"]) is not ok
        assert findings["camera"]["found"] == findings["plc"]["found"] == "in use by the running station"


def test_the_doctor_tells_nobody_the_cameras_password(tmp_path: Path) -> None:
    home = home_on_a_free_port(tmp_path / "home")
    camera = NetworkCamera(free_port(), [picture()])
    camera.plug_in()
    source = camera.url.replace("http://", "http://anna:geheim@")
    (home / "station.yaml").write_text(f"ui: {{port: 0}}\nsource: {source}\n")
    said = call("doctor", "--home", home).output
    camera.unplug()
    assert f"ok   camera: {camera.url}: 80 x 80" in said
    assert "geheim" not in said


def test_a_damaged_journal_is_for_the_station_to_mend(tmp_path: Path) -> None:
    home = Home(home_on_a_free_port(tmp_path / "home"))
    home.journal.write_bytes(b"not a database, but long enough to be taken for one" * 40)
    result = call("doctor", "--home", home.root, "--json")
    findings = {finding["check"]: finding for finding in last_json(result)["findings"]}
    assert result.exit_code == 5
    assert "carries over what can be read" in findings["journal"]["remedy"]


def test_outputs_that_cannot_work_are_said_before_the_start_and_by_the_doctor(tmp_path: Path) -> None:
    home = home_on_a_free_port(tmp_path / "home")
    url = f"http://127.0.0.1:{free_port()}/parts"
    output = f"outputs: [{{kind: webhook, url: '{url}', secret: hook.key}}]"
    (home / "station.yaml").write_text(f"ui: {{port: 0}}\nsource: folder://{PARTS}\n{output}\n")
    result = call("run", "--home", home, "--seconds", "1")
    assert result.exit_code == 5
    assert "hook.key: cannot be read" in result.output
    findings = {
        finding["check"]: finding for finding in last_json(call("doctor", "--home", home, "--json"))["findings"]
    }
    assert "hook.key" in findings["line secrets"]["found"]
    assert not findings["output webhook"]["ok"]
    assert url in findings["output webhook"]["found"]
