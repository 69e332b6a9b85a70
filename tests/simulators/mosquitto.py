"""A real Mosquitto in a folder of its own, which tests may start, kill and make forget."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAM = "/usr/sbin/mosquitto"


def free_port() -> int:
    """Return a TCP port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, timeout: float = 30.0) -> None:
    """Return as soon as something listens on the port."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port} after {timeout} s")


class Mosquitto:
    """One broker process; with no `config` it lets everyone in and keeps nothing on disk."""

    def __init__(self, folder: Path, config: str | None = None, port: int | None = None) -> None:
        self.port = port or free_port()
        self.folder = folder
        self.config = folder / "mosquitto.conf"
        if config is not None or not self.config.exists():
            lines = config or f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            self.config.write_text(lines)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> Mosquitto:
        """Start the broker and return once it answers."""
        log = (self.folder / "mosquitto.log").open("ab")
        self.process = subprocess.Popen([PROGRAM, "-c", str(self.config)], stdout=log, stderr=log)
        log.close()
        wait_for_port(self.port)
        return self

    def kill(self) -> None:
        """SIGKILL: nothing is saved, retained messages and sessions are gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, for example SIGSTOP to make the broker hang."""
        assert self.process is not None
        os.kill(self.process.pid, number)

    def __enter__(self) -> Mosquitto:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.kill()
