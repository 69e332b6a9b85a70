"""The MQTT link against a real Mosquitto that dies, hangs and forgets."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest

from edge_agent.contracts.errors import ConfigError
from edge_agent.uplink.link import FIRST_DELAY_S, LONGEST_DELAY_S, Link, backoff
from tests.simulators.mosquitto import Mosquitto


class Inbox:
    """Collects what a link receives."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self.changed = threading.Condition()

    def __call__(self, topic: str, payload: bytes, retained: bool) -> None:
        with self.changed:
            self.messages.append((topic, payload, retained))
            self.changed.notify_all()

    def wait_for(self, payload: bytes, timeout: float = 30.0) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: any(m[1] == payload for m in self.messages), timeout)


def test_backoff_grows_to_its_limit_and_is_spread():
    assert backoff(0, 0.0) >= FIRST_DELAY_S / 2
    assert backoff(0, 0.999) <= FIRST_DELAY_S
    assert backoff(50, 0.999) <= LONGEST_DELAY_S
    assert backoff(50, 0.0) == LONGEST_DELAY_S / 2
    assert backoff(3, 0.1) != backoff(3, 0.9)


@pytest.mark.parametrize("url", ["http://x:1", "mqtt://", "mqtt://host:port", "mqtt://user@host", "host:1883"])
def test_a_wrong_address_is_a_config_error(url):
    with pytest.raises(ConfigError, match="broker address"):
        Link(url, "device")


def test_a_wrong_certificate_is_a_config_error():
    with pytest.raises(ConfigError, match="PEM"):
        Link("mqtts://localhost", "device", ca="not a certificate")


def test_publishes_made_before_the_broker_is_there_arrive(tmp_path: Path):
    broker, inbox = Mosquitto(tmp_path), Inbox()
    link = Link(broker.url, "device", on_message=inbox)
    link.subscribe(["a/#"])
    handle = link.publish("a/b", b"early")
    assert not handle.wait(0.2)
    assert "no answer" in link.problem
    with broker:
        assert handle.wait(30)
        assert link.wait_connected(30)
        assert link.problem == ""
        assert inbox.wait_for(b"early")
        link.close()
    assert not link.connected


def test_after_a_crash_of_the_broker_it_reconnects_and_subscribes_again(tmp_path: Path):
    inbox = Inbox()
    sessions: list[bool] = []
    with Mosquitto(tmp_path) as broker:
        link = Link(broker.url, "device", on_message=inbox, on_connect=sessions.append)
        link.subscribe(["a/#"])
        assert link.wait_connected(30)
        broker.kill()
        pending = link.publish("a/b", b"while away")
        broker.start()
        assert pending.wait(30)
        assert inbox.wait_for(b"while away")
        assert sessions == [False, False]
        link.close()


def test_each_connection_asks_for_its_own_will(tmp_path: Path):
    inbox, sessions = Inbox(), iter(range(1, 100))
    with Mosquitto(tmp_path) as broker:
        watcher = Link(broker.url, "watcher", on_message=inbox)
        watcher.subscribe(["w"])
        link = Link(broker.url, "device", will=lambda: ("w", b"gone %d" % next(sessions)))
        assert watcher.wait_connected(30)
        assert link.wait_connected(30)
        rival = Link(broker.url, "device")  # the broker throws out the first owner of the name
        assert inbox.wait_for(b"gone 1")
        rival.close()
        link.close()
        watcher.close()


def test_a_callback_that_raises_does_not_stop_the_link(tmp_path: Path, caplog):
    inbox = Inbox()

    def fails(topic: str, payload: bytes, retained: bool) -> None:
        inbox(topic, payload, retained)
        raise ValueError("of the caller")

    with Mosquitto(tmp_path) as broker:
        link = Link(broker.url, "device", on_message=fails)
        link.subscribe(["a"])
        assert link.wait_connected(30)
        link.publish("a", b"one")
        link.publish("a", b"two")
        assert inbox.wait_for(b"two")
        link.close()
    assert "of the caller" in caplog.text


def test_closing_returns_even_when_the_broker_hangs(tmp_path: Path):
    with Mosquitto(tmp_path) as broker:
        link = Link(broker.url, "device")
        assert link.wait_connected(30)
        broker.signal(signal.SIGSTOP)
        begin = time.monotonic()
        link.close()
        assert time.monotonic() - begin < 10
        broker.signal(signal.SIGCONT)
    assert not [t for t in threading.enumerate() if t.name.startswith("paho")]
