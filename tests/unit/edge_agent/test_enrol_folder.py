"""Stations made of a folder of credentials files."""

from __future__ import annotations

import json

import pytest

from edge_agent.contracts.errors import ConfigError
from edge_agent.home import Home
from edge_agent.setup import enrol_folder


def credentials(device, password="secret"):
    return {
        "device": device,
        "site": "north",
        "line": "l1",
        "device_class": "generic",
        "broker": {"url": "mqtt://127.0.0.1:1883", "username": device, "password": password},
        "registry": {"url": "http://127.0.0.1:1/registry", "root": {}},
        "upload_url": f"http://127.0.0.1:1/api/v1/devices/{device}",
        "issued_ms": 1,
    }


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    for device in ("a-1", "a-2"):
        (folder / f"{device}.json").write_text(json.dumps(credentials(device)))
    return folder


def test_each_file_becomes_a_station_and_goes(files, tmp_path):
    assert enrol_folder(files, tmp_path / "stations", "synthetic:?seed=4") == 2
    assert list(files.iterdir()) == []
    for device in ("a-1", "a-2"):
        home = Home(tmp_path / "stations" / device)
        assert json.loads(home.credentials.read_text())["device"] == device
        assert home.credentials.stat().st_mode & 0o777 == 0o600
        assert "synthetic:?seed=4" in home.config.read_text()
    assert enrol_folder(files, tmp_path / "stations", "synthetic:?seed=4") == 0


def test_a_file_that_is_no_credentials_stays_and_is_named(files, tmp_path):
    (files / "a-0.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"a-0\.json: key 'device' is missing"):
        enrol_folder(files, tmp_path / "stations", "synthetic:")
    assert len(list(files.iterdir())) == 3


def test_a_new_password_replaces_the_old_one(files, tmp_path):
    enrol_folder(files, tmp_path / "stations", "synthetic:")
    (files / "a-1.json").write_text(json.dumps(credentials("a-1", "other")))
    assert enrol_folder(files, tmp_path / "stations", "synthetic:") == 1
    kept = json.loads(Home(tmp_path / "stations" / "a-1").credentials.read_text())
    assert kept["broker"]["password"] == "other"
