"""The `fleet` command as a person types it: a server process of its own, one line per error, JSON for machines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_agent.uplink.link import Link
from fleet.store.alerts import raise_alert
from fleet.store.database import Database
from tests.simulators.bundles import make_bundle
from tests.simulators.fleet_server import eventually
from tests.simulators.mosquitto import Mosquitto, free_port

COMMAND = [sys.executable, "-m", "fleet.cli"]


def fleet(*words: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    more = ["--home", str(home)] if home else []
    return subprocess.run([*COMMAND, *words, *more], capture_output=True, text=True, timeout=120)


def answer(*words: str, home: Path | None = None) -> dict:
    done = fleet(*words, "--json", home=home)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("command") / "home"
    answer("init", str(folder))
    words = [*COMMAND, "serve", "--home", str(folder), "--port", "0", "--mqtt-port", "0", "--json"]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    ready = json.loads(server.stdout.readline())
    assert ready["pid"] == server.pid
    yield folder
    server.send_signal(signal.SIGINT)
    assert server.wait(30) == 0
    server.stdout.close()
    assert not (folder / "run.json").exists()


def test_init_makes_private_keys_and_does_not_touch_a_fleet_that_is_there(home):
    for path in (*home.glob("keys/*.pem"), home / "admin.token", home / "client.json"):
        assert path.stat().st_mode & 0o777 == 0o600
    again = fleet("init", str(home))
    assert again.returncode == 5
    assert again.stderr.strip().endswith("serve it, or choose another folder")


def test_publish_list_and_refuse(home, tmp_path):
    first = answer("publish", str(make_bundle(tmp_path / "v1", "v1").folder), home=home)
    assert (first["model"], first["version"], first["release"], first["already"]) == ("tiles", "v1", 1, False)
    assert answer("publish", str(tmp_path / "v1"), home=home)["already"]
    assert [row["version"] for row in answer("models", home=home)["models"]] == ["v1"]
    tampered = make_bundle(tmp_path / "v2", "v2")
    blob = next(tampered.open().blobs())
    tampered.path(blob).write_bytes(b"x" * blob.size)
    refused = fleet("publish", str(tmp_path / "v2"), home=home)
    assert refused.returncode == 3
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "was not published" in refused.stderr


def test_an_archive_is_published_like_its_folder(home, tmp_path):
    from edge_agent.contracts.archive import pack_archive

    pack_archive(make_bundle(tmp_path / "v1", "v1"), tmp_path / "v1.lineside")
    fleet("publish", str(tmp_path / "v1"), home=home)
    assert answer("publish", str(tmp_path / "v1.lineside"), home=home)["already"]
    (tmp_path / "bad.lineside").write_bytes(b"PK not really")
    assert fleet("publish", str(tmp_path / "bad.lineside"), home=home).returncode == 3


def test_enrol_writes_a_private_file_once(home, tmp_path):
    out = tmp_path / "cam1.json"
    words = ("enrol", "cam1", "--site", "s", "--line", "l", "--class", "generic", "--out", str(out))
    assert answer(*words, home=home)["device"] == "cam1"
    assert out.stat().st_mode & 0o777 == 0o600
    assert json.loads(out.read_text())["registry"]["root"]["signed"]["_type"] == "root"
    assert fleet(*words, home=home).returncode == 3
    assert answer(*words, "--renew", home=home)["device"] == "cam1"
    assert [row["id"] for row in answer("devices", home=home)["devices"]] == ["cam1"]


def test_rollout_says_what_it_can_prove_and_can_be_steered(home, tmp_path):
    fleet("publish", str(make_bundle(tmp_path / "v1", "v1").folder), home=home)
    fleet("enrol", "cam2", "--site", "s", "--line", "l", "--out", str(tmp_path / "cam2.json"), home=home)
    begun = answer("rollout", "--canary", "1", "--deadline", "1h", home=home)
    assert begun["can_prove"]["devices"] == 1
    assert begun["stages"][0]["devices"] == 1
    assert fleet("rollout", home=home).returncode == 3
    name = begun["rollout"]
    assert answer("rollouts", "pause", name, home=home)["state"] == "paused"
    assert answer("rollouts", "resume", name, home=home)["state"] == "running"
    assert eventually(lambda: answer("rollouts", "show", name, home=home)["counts"].get("offered") == 1)
    assert answer("rollouts", "abort", name, home=home)["state"] == "aborted"
    assert fleet("rollouts", "promote", name, home=home).returncode == 3
    assert "aborted" in fleet("rollouts", home=home).stdout


def test_alerts_are_listed_as_plain_text_and_closed(home):
    assert fleet("alerts", home=home).stdout == "No open alerts.\n"
    database = Database(f"sqlite:///{home}/fleet.db")
    with database.begin() as session:
        raise_alert(session, "quarantine", "stranger", "says [/b] \x1b[31m", time.time_ns() // 1_000_000)
    database.close()
    shown = fleet("alerts", home=home)
    assert ("stranger" in shown.stdout, "says [/b]" in shown.stdout, "\x1b" in shown.stdout) == (True, True, False)
    (alert,) = answer("alerts", home=home)["alerts"]
    assert answer("alerts", "close", str(alert["id"]), home=home)["closed_ms"] >= alert["last_ms"]
    assert answer("alerts", home=home)["alerts"] == []
    assert fleet("alerts", "close", str(alert["id"]), home=home).stdout == "Closed: quarantine of stranger\n"


def test_files_for_a_mosquitto_of_ones_own(home, tmp_path):
    fleet("enrol", "cam3", "--site", "s", "--line", "l", "--out", str(tmp_path / "cam3.json"), home=home)
    port = free_port()
    written = answer("broker-files", "--out", str(tmp_path), "--host", "127.0.0.1", "--port", str(port), home=home)
    assert written["accounts"] >= 2
    password = json.loads((tmp_path / "cam3.json").read_text())["broker"]["password"]
    with Mosquitto(tmp_path, port=port) as broker:
        link = Link(broker.url, "cam3", "cam3", password)
        assert link.wait_connected(30)
        link.close()


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("rollout", "--canary", "5%", "--stages", "5%,100%"), 3, "contradict"),
        (("rollout", "--soak", "soon"), 3, "no duration"),
        (("rollout", "--where", "colour=red"), 3, "no condition"),
        (("rollout", "nothing"), 3, "no model"),
        (("rollouts", "abort"), 3, "which rollout"),
        (("devices", "nobody"), 3, "no device"),
        (("alerts", "close"), 3, "which alert"),
        (("alerts", "close", "99"), 3, "'fleet alerts' lists"),
        (("enrol", "UPPER", "--site", "s", "--line", "l", "--out", "x.json"), 3, "device"),
    ],
)
def test_bad_words_are_one_clear_line(home, words, code, text):
    done = fleet(*words, home=home)
    assert done.returncode == code
    assert len(done.stderr.strip().splitlines()) == 1
    assert text in done.stderr


def test_a_port_in_use_and_a_missing_fleet_are_one_clear_line(home, tmp_path):
    port = json.loads((home / "client.json").read_text())["url"].rsplit(":", 1)[1]
    taken = fleet("serve", "--port", port, "--mqtt-port", "0", home=home)
    assert taken.returncode == 5
    assert f"port {port}" in taken.stderr
    assert "--port" in taken.stderr
    none = fleet("serve", home=tmp_path / "none")
    assert none.returncode == 5
    assert "fleet init" in none.stderr
    away = fleet("devices", home=tmp_path / "none")
    assert "fleet serve" in away.stderr


def test_help_comes_up_fast():
    best = min(_seconds("rollout", "--help") for _ in range(3))
    bare = min(_seconds(None) for _ in range(3))
    assert best < bare + 1.0  # the target is 0.3 s on an idle machine; the bench measures that


def _seconds(*words: str | None) -> float:
    begin = time.monotonic()
    command = [sys.executable, "-c", "pass"] if words == (None,) else [*COMMAND, *words]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ})
    return time.monotonic() - begin
