"""A broker that `fleet serve` starts itself: the embedded one, or Mosquitto with the files made for it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from edge_agent.contracts.errors import ConfigError, Unavailable
from edge_agent.contracts.program import python_program
from fleet.broker.files import CONFIG, PASSWORDS

_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
_PR_SET_PDEATHSIG = 1
_START_S = 20.0


def require_free(host: str, port: int, option: str) -> int:
    """Return the port, or a free one for 0. Raises ConfigError where something listens there already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"port {port} on {host} cannot be used ({error.strerror}); give another one with {option}"
            ) from error
        free: int = probe.getsockname()[1]
        return free


class BrokerProcess:
    """A child process that carries the broker; it ends with this one."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Process ID."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """True while it runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the broker, by force where it does not listen."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def start_embedded(folder: Path, host: str, port: int) -> BrokerProcess:
    """Start amqtt with the password file in `folder` and return once it listens."""
    arguments = ["--host", host, "--port", str(port), "--passwords", str(folder / PASSWORDS)]
    process = subprocess.Popen(
        python_program("fleet.broker.embedded", *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    answer = json.loads(line) if line else {"ready": False, "reason": "it ended at once"}
    broker = BrokerProcess(process)
    if not answer["ready"]:
        broker.stop()
        raise ConfigError(f"the embedded broker does not start on port {port} ({answer['reason']})")
    return broker


def _die_with_parent() -> None:
    """On Linux, have the kernel end Mosquitto when the server that started it dies without a word."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def start_mosquitto(folder: Path, host: str, port: int) -> BrokerProcess:
    """Start Mosquitto with the files in `folder` and return once it listens."""
    program = shutil.which("mosquitto") or next(
        (f"{p}/mosquitto" for p in _PLACES if Path(p, "mosquitto").exists()), None
    )
    if program is None:
        raise ConfigError("Mosquitto is not installed; install the package 'mosquitto' or leave --broker away")
    with (folder / "mosquitto.log").open("ab") as log:
        process = subprocess.Popen(
            [program, "-c", str(folder / CONFIG)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    broker = BrokerProcess(process)
    deadline = time.monotonic() + _START_S
    while broker.alive and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return broker
        time.sleep(0.02)
    broker.stop()
    raise Unavailable(f"Mosquitto did not start on port {port}; see {folder / 'mosquitto.log'}")
