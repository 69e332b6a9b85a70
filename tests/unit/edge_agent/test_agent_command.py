"""`edge-agent` as a person types it: enrol, status, doctor, replay, and one line for what is wrong."""

from __future__ import annotations

import csv
import json
import socket
import stat
from pathlib import Path
from typing import Any
from uuid import uuid4

import cv2
import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main
from edge_agent.config import TEMPLATE, StationConfig, load_config
from edge_agent.contracts.errors import ConfigError
from edge_agent.home import Home, replace_json
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Journal
from tests.simulators.line import PARTS, TINY, altered_bundle, install, nan_graph, picture
from tests.simulators.mosquitto import free_port


def home_on_a_free_port(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "station.yaml").write_text("ui: {port: 0}")
    return folder


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def last_json(result: Result) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(result.output.strip().splitlines()[-1])
    return content


def credentials(folder: Path, device: str = "station-1") -> Path:
    path = folder / f"{device}.json"
    content = {
        "device": device,
        "site": "plant-a",
        "line": "line-1",
        "device_class": "generic",
        "broker": {"url": f"mqtt://127.0.0.1:{free_port()}", "username": device, "password": "secret"},
        "registry": {"url": "http://127.0.0.1:9/registry", "root": {}},
        "upload_url": "http://127.0.0.1:9/api",
        "issued_ms": 1,
    }
    path.write_text(json.dumps(content))
    return path


def test_enrol_makes_a_station_whose_secrets_are_its_own(tmp_path: Path) -> None:
    home = tmp_path / "home"
    result = call("enrol", credentials(tmp_path), "--home", home, "--source", "usb:1", "--json")
    assert result.exit_code == 0, result.output
    assert last_json(result)["device"] == "station-1"
    assert stat.S_IMODE((home / "credentials.json").stat().st_mode) == 0o600
    assert load_config(home / "station.yaml").source == "usb:1"


def test_enrol_does_not_replace_another_station(tmp_path: Path) -> None:
    home = tmp_path / "home"
    call("enrol", credentials(tmp_path), "--home", home)
    result = call("enrol", credentials(tmp_path, "station-2"), "--home", home)
    assert result.exit_code == 5
    assert "already the station 'station-1'" in result.output
    assert call("enrol", credentials(tmp_path, "station-2"), "--home", home, "--force").exit_code == 0


def test_enrol_refuses_a_file_that_is_none(tmp_path: Path) -> None:
    result = call("enrol", tmp_path / "absent.json", "--home", tmp_path / "home")
    assert result.exit_code == 5
    assert "fleet enrol" in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_the_written_settings_are_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "station.yaml"
    path.write_text(TEMPLATE.format(source=StationConfig().source))
    assert load_config(path) == StationConfig()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sorce: usb:0\n", "unknown key 'sorce'; did you mean 'source'?"),
        ("trigger: {kind: sometimes}\n", "trigger.kind"),
        ("storage: {quota_mb: -1}\n", "storage.quota_mb"),
        ("- a list\n", "expected a mapping"),
        ("a: [\n", "not valid YAML"),
    ],
)
def test_settings_that_are_wrong_name_the_key(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "station.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_status_of_a_station_that_does_not_run(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.config.write_text("{}")
    bundle = install(home, TINY)
    journal = Journal(Database(home.journal), uuid4())
    journal.trigger("a", 1)
    journal.recover(2)
    journal.database.close()
    replace_json(home.station, {"pid": 2**22 + 1, "status": {"hot": {"ready": True}}})
    result = last_json(call("status", "--home", tmp_path, "--json"))
    assert (result["bundle"], result["state"], result["ready"]) == (bundle, "stopped", False)
    assert result["counts"]["parts"] == 1
    assert result["waiting"] == {"reviews": 0, "outbox": 1}


def test_no_station_is_said_in_one_line(tmp_path: Path) -> None:
    for command in ("status", "run"):
        result = call(command, "--home", tmp_path / "nothing")
        assert result.exit_code == 5
        assert "edge-agent enrol" in result.output
        assert len(result.output.strip().splitlines()) == 1


def test_run_refuses_an_empty_folder_at_once(tmp_path: Path) -> None:
    home_on_a_free_port(tmp_path)
    (tmp_path / "empty").mkdir()
    result = call("run", "--home", tmp_path, "--source", f"folder://{tmp_path}/empty")
    assert result.exit_code == 5
    assert "no pictures found" in result.output


def test_run_refuses_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        (tmp_path / "station.yaml").write_text(f"ui: {{port: {taken.getsockname()[1]}}}")
        result = call("run", "--home", tmp_path)
    assert result.exit_code == 5
    assert "another 'ui.port'" in result.output


def test_run_refuses_a_bundle_that_was_tampered_with(tmp_path: Path) -> None:
    bundle = altered_bundle(tmp_path / "bundle")
    blob = next((bundle / "blobs" / "sha256").iterdir())
    for path in (bundle / "blobs" / "sha256").iterdir():
        blob = path
        data = bytearray(blob.read_bytes())
        data[len(data) // 2] ^= 1
        blob.write_bytes(data)
    result = call("run", "--home", home_on_a_free_port(tmp_path / "home"), "--bundle", bundle)
    assert result.exit_code == 3, result.output
    assert "fetch the bundle again" in result.output


@pytest.mark.slow
def test_run_refuses_a_bundle_that_fails_its_self_test(tmp_path: Path) -> None:
    bundle = altered_bundle(tmp_path / "bundle", model=nan_graph())
    result = call(
        "run", "--home", home_on_a_free_port(tmp_path / "home"), "--bundle", bundle, "--source", f"folder://{PARTS}"
    )
    assert result.exit_code == 3
    assert "self-test" in result.output


def test_replay_writes_the_agreed_table(tmp_path: Path) -> None:
    out = tmp_path / "results.csv"
    result = call("replay", "--bundle", TINY, "--source", PARTS, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    summary = last_json(result)
    assert (summary["images"], summary["parts"]) == (24, 12)
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["image", "verdict", "label", "score", "peak_x", "peak_y", "latency_ms"]
    with (PARTS / "labels.csv").open() as file:
        truth = {row["image"]: row["label"] for row in csv.DictReader(file)}
    right = sum((row["verdict"] == "accept") == (truth[row["image"]] == "ok") for row in rows)
    assert right >= 20
    assert all(0.0 <= float(row["peak_x"]) <= 1.0 for row in rows)


def test_replay_of_a_folder_with_a_corrupt_picture_goes_on(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "b.png"), picture())
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    out = tmp_path / "results.csv"
    result = call("replay", "--bundle", TINY, "--source", tmp_path, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["verdict"], row["score"] == "") for row in rows] == [
        ("a.png", "reject", True),
        ("b.png", "accept", False),
    ]


def test_replay_refuses_a_tampered_bundle(tmp_path: Path) -> None:
    bundle = altered_bundle(tmp_path / "bundle")
    (bundle / "manifest.json").write_bytes(b"{}")
    result = call("replay", "--bundle", bundle, "--source", PARTS, "--out", tmp_path / "o.csv")
    assert result.exit_code == 3
    assert len(result.output.strip().splitlines()) == 1


@pytest.mark.parametrize("command", ["enrol", "run", "status", "doctor", "replay"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    result = call(command, "--help")
    assert result.exit_code == 0
    assert "Example: edge-agent" in result.output
    assert "--json" in result.output
