"""What systemd is told and when, through a real datagram socket."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from edge_agent.service.notify import FRESH_S, Watchdog, systemd_watchdog


@pytest.fixture
def listener(tmp_path: Path) -> socket.socket:
    """A socket as systemd's, at `tmp_path/notify`."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    link.bind(str(tmp_path / "notify"))
    link.setblocking(False)
    return link


def heard(listener: socket.socket) -> list[str]:
    said = []
    while True:
        try:
            said.append(listener.recv(4096).decode())
        except BlockingIOError:
            return said


def test_ready_is_said_once_and_pings_only_with_progress() -> None:
    sent: list[str] = []
    dog = Watchdog(sent.append, ping_s=2.0)
    dog.look(0.0, None, "starting")
    assert sent == ["STATUS=starting"]
    dog.look(1.0, 0.9, "ready")
    dog.look(2.0, 1.9, "ready")
    dog.look(3.0, 2.9, "ready")
    assert sent[1:] == ["READY=1", "STATUS=ready", "WATCHDOG=1", "WATCHDOG=1"]
    dog.look(3.0 + FRESH_S, 2.9, "ready")
    assert len(sent) == 5, "a hot process that hangs is no life"


def test_what_is_said_fits_on_one_line() -> None:
    sent: list[str] = []
    Watchdog(sent.append, None).look(0.0, None, "a\nREADY=1\n" + "b" * 999)
    assert len(sent) == 1
    assert "\n" not in sent[0]
    assert len(sent[0]) < 220


def test_the_socket_of_systemd(tmp_path: Path, listener: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "7"}
    dog = systemd_watchdog(environment, 7)
    assert dog is not None
    assert environment == {}, "children shall not speak for the station"
    assert dog.ping_s == 2.0
    dog.look(1.0, 1.0, "ready")
    dog.stopping()
    assert heard(listener) == ["READY=1", "STATUS=ready", "WATCHDOG=1", "STOPPING=1"]
    listener.close()


def test_an_abstract_socket() -> None:
    name = f"lineside-test-{id(object())}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind("\0" + name)
        link.setblocking(False)
        dog = systemd_watchdog({"NOTIFY_SOCKET": "@" + name}, 1)
        assert dog is not None
        dog.stopping()
        assert heard(link) == ["STOPPING=1"]


def test_without_systemd_nothing_is_said(tmp_path: Path) -> None:
    assert systemd_watchdog({}, 1) is None
    gone = systemd_watchdog({"NOTIFY_SOCKET": str(tmp_path / "gone")}, 1)
    assert gone is not None
    gone.look(0.0, 0.0, "ready")


def test_a_watchdog_meant_for_another_process_is_not_fed(tmp_path: Path, listener: socket.socket) -> None:
    given = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "8"}
    dog = systemd_watchdog(given, 7)
    assert dog is not None
    dog.look(0.0, 0.0, "ready")
    assert "WATCHDOG=1" not in heard(listener)
    listener.close()
