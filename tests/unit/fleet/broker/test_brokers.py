"""Both brokers that `fleet serve` can start: who comes in, and where each may speak."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edge_agent.contracts.errors import ConfigError
from edge_agent.uplink.link import Link
from fleet.broker.accounts import FLEET, Account, may_use, parse_password_file, password_file
from fleet.broker.files import reload, write_accounts, write_all
from fleet.broker.process import require_free, start_embedded, start_mosquitto
from fleet.devices.passwords import hash_password, verify_password
from tests.simulators.mosquitto import free_port

ACCOUNTS = [Account(name, hash_password(f"secret {name}")) for name in (FLEET, "cam1", "cam2")]


def test_passwords_are_kept_as_hashes_that_only_the_right_one_fits():
    stored = hash_password("right")
    assert stored.startswith("$7$101$")
    assert verify_password("right", stored)
    assert not verify_password("wrong", stored)
    assert not verify_password("right", "")
    assert not verify_password("right", "$7$101$***$***")
    assert parse_password_file(password_file(ACCOUNTS)) == {a.name: a.credential for a in ACCOUNTS}


@pytest.mark.parametrize(
    ("name", "topic", "allowed"),
    [
        ("cam1", "lineside/v1/here/cam1/event", True),
        ("cam1", "lineside/v1/here/cam1/#", True),
        ("cam1", "lineside/v1/here/cam2/event", False),
        ("cam1", "lineside/v1/+/+/event", False),
        ("cam1", "lineside/v1/#", False),
        ("cam1", "#", False),
        ("cam1", "lineside/v1/here/#", False),
        ("cam1", "lineside/v1/here/cam1", False),
        ("cam1", "$SYS/broker/load", False),
        (FLEET, "lineside/v1/+/+/event", True),
        (FLEET, "other/topic", False),
    ],
)
def test_each_device_may_speak_below_its_own_name_only(name, topic, allowed):
    assert may_use(name, topic) is allowed


@pytest.fixture(params=["embedded", "mosquitto"])
def broker(request, tmp_path: Path):
    port = free_port()
    write_all(tmp_path, ACCOUNTS, "127.0.0.1", port)
    start = start_embedded if request.param == "embedded" else start_mosquitto
    process = start(tmp_path, "127.0.0.1", port)
    yield f"mqtt://127.0.0.1:{port}", tmp_path
    process.stop()


class Ears:
    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.changed = threading.Condition()

    def __call__(self, topic: str, payload: bytes, retained: bool) -> None:
        with self.changed:
            self.heard.append((topic, payload))
            self.changed.notify_all()

    def wait(self, payload: bytes) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: any(p == payload for _, p in self.heard), 30)


def _link(url: str, name: str, ears: Ears | None = None, password: str | None = None) -> Link:
    return Link(url, name, name, password or f"secret {name}", on_message=ears)


def test_what_a_device_says_reaches_the_fleet_and_no_neighbour(broker):
    url, _ = broker
    fleet_ears, neighbour_ears = Ears(), Ears()
    fleet, cam1, cam2 = _link(url, FLEET, fleet_ears), _link(url, "cam1"), _link(url, "cam2", neighbour_ears)
    links = (fleet, cam1, cam2)
    fleet.subscribe(["lineside/v1/+/+/event"])
    cam2.subscribe(["lineside/v1/here/cam2/#", "lineside/v1/here/cam1/#"])
    assert all(link.wait_connected(30) for link in links)
    cam1.publish("lineside/v1/here/cam2/desired", b"stolen").wait(5)
    cam1.publish("lineside/v1/here/cam1/event", b"mine").wait(5)
    assert fleet_ears.wait(b"mine")
    fleet.publish("lineside/v1/here/cam2/desired", b"given").wait(5)
    assert neighbour_ears.wait(b"given")
    assert [payload for _, payload in neighbour_ears.heard] == [b"given"]
    for link in links:
        link.close()


def test_a_wrong_password_is_refused_and_a_new_device_let_in(broker):
    url, folder = broker
    wrong = _link(url, "cam1", password="guess")
    assert not wrong.wait_connected(1)
    wrong.close()
    write_accounts(folder, [*ACCOUNTS, Account("cam3", hash_password("secret cam3"))])
    reload(folder)
    new = _link(url, "cam3")
    assert new.wait_connected(30)
    new.close()


def test_a_port_in_use_is_one_clear_line(broker):
    url, _ = broker
    port = int(url.rsplit(":", 1)[1])
    with pytest.raises(ConfigError, match=f"port {port} .* --mqtt-port"):
        require_free("127.0.0.1", port, "--mqtt-port")
