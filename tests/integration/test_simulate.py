"""`fleet simulate` against a real server: real agents, a lamp that fails at one site, and nothing left behind."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import wait_for
from tests.fixtures.make_bundles import write_parts
from tests.simulators.mosquitto import free_port

pytestmark = pytest.mark.slow
BIN = Path(sys.executable).parent
BUNDLE = Path(__file__).parents[1] / "fixtures/bundles/tiny-v1"


def fleet(home, *words):
    call = [str(BIN / "fleet"), *words, "--home", str(home), "--json"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def started(log, *call):
    with log.open("wb") as out:
        return subprocess.Popen([str(word) for word in call], stdout=out, stderr=subprocess.STDOUT)


def children_of(pid):
    listed = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


@pytest.fixture
def server(tmp_path):
    home = tmp_path / "fleet"
    subprocess.run([str(BIN / "fleet"), "init", str(home)], check=True, capture_output=True)
    ports = ("--port", free_port(), "--mqtt-port", free_port())
    process = started(tmp_path / "serve.log", BIN / "fleet", "serve", "--home", home, *ports)
    wait_for((home / "client.json").exists, 60, "the server's start")
    yield home
    process.send_signal(signal.SIGTERM)
    process.wait(30)


@pytest.mark.fault("M14")
def test_lamp_that_fails_at_one_site_opens_one_lighting_ticket_and_ctrl_c_ends_all(server, tmp_path):
    parts = tmp_path / "parts"
    write_parts(parts, 77, 120)
    fleet(server, "publish", str(BUNDLE))
    lamp = ("--brightness", "0.55@1", "--brightness-site", "north", "--site", "north", "--site", "south")
    source = ("--source", f"folder://{parts}?loop=1&shuffle=1", "--rate", "4")
    log = tmp_path / "simulate.log"
    simulation = started(log, BIN / "fleet", "simulate", "--devices", "4", "--home", server, *source, *lamp)
    try:
        wait_for(
            lambda: log.read_text().count('"ready": true') == 2 or simulation.poll() is not None, 120, "the agents"
        )
        assert simulation.poll() is None, log.read_text()
        agents = children_of(simulation.pid)
        assert len(agents) == 2
        done = fleet(server, "rollout", "--stages", "100%", "--soak", "1s", "--wait")
        assert done["counts"] == {"committed": 4}
        wait_for(lambda: fleet(server, "tickets", "list")["tickets"], 120, "the ticket")
        dark = [one["id"] for one in fleet(server, "devices")["devices"] if one["site"] == "north"]
        audited = {"audit": 0.05, "caution": None}  # a lamp is for repair: nobody decides less for it
        wait_for(lambda: [fleet(server, "devices", one)["asked"] for one in dark] == [audited] * 2, 60, "the audit")
        assert {fleet(server, "devices", one)["reported"]["automation"] for one in dark} == {"partial"}
    finally:
        simulation.send_signal(signal.SIGINT)
        simulation.wait(40)
    assert simulation.returncode == 0, log.read_text()
    assert not any(alive(pid) for pid in agents)
    (ticket,) = fleet(server, "tickets", "list")["tickets"]
    assert (ticket["cause"], ticket["state"], ticket["sites"]) == ("lighting", "open", ["north"])
    assert {finding["site"] for finding in fleet(server, "drift")["findings"]} == {"north"}
    refused = subprocess.run(
        [str(BIN / "fleet"), "tickets", "approve", "t-9", "--home", str(server)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused.returncode, refused.stderr.count("\n")) == (3, 1)
    assert fleet(server, "tickets", "approve", ticket["id"], "--note", "new lamp")["state"] == "approved"
