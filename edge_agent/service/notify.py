"""What systemd hears of the station (sd_notify, systemd.exec and sd_notify(3)): started, alive, how it is, stopping.

Alive means: the hot process makes progress. A supervisor that only breathes is no station.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field

FRESH_S = 3.5
"""Progress older than this is none: the hot process reports about once a second."""

PINGS_PER_DEADLINE = 4.0
SLOWEST_PING_S = 5.0

Tell = Callable[[str], None]


@dataclass
class Watchdog:
    """Decides what to send and when; `ping_s` is how often systemd wants to hear, None for never.

    >>> sent = []
    >>> dog = Watchdog(sent.append, ping_s=1.0)
    >>> dog.look(10.0, progress=9.5, status="ready")
    >>> dog.look(20.0, progress=9.5, status="ready")
    >>> sent
    ['READY=1', 'STATUS=ready', 'WATCHDOG=1']
    """

    tell: Tell
    ping_s: float | None
    _pinged: float = float("-inf")
    _ready: bool = False
    _said: str = field(default="", repr=False)

    def look(self, now: float, progress: float | None, status: str) -> None:
        """Take what is known now: monotonic seconds, those of the hot process's last progress, and it in words."""
        alive = progress is not None and now - progress <= FRESH_S
        if alive and not self._ready:
            self._ready = True
            self.tell("READY=1")
        if status != self._said:
            self._said = status
            self.tell(f"STATUS={' '.join(status.split())[:200]}")
        if alive and self.ping_s is not None and now - self._pinged >= self.ping_s:
            self._pinged = now
            self.tell("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the end is meant."""
        self.tell("STOPPING=1")


def systemd_watchdog(environment: MutableMapping[str, str], pid: int) -> Watchdog | None:
    """Return what speaks with systemd, None where systemd did not start this process.

    Takes the variables out of the environment: children shall not speak for the station.
    """
    place = environment.pop("NOTIFY_SOCKET", "")
    wanted_us = environment.pop("WATCHDOG_USEC", "")
    meant = environment.pop("WATCHDOG_PID", str(pid))
    if not place.startswith(("/", "@")):
        return None
    ping_s = None
    if wanted_us.isdigit() and int(wanted_us) > 0 and meant == str(pid):
        ping_s = min(SLOWEST_PING_S, int(wanted_us) / 1e6 / PINGS_PER_DEADLINE)
    return Watchdog(_teller(place), ping_s)


def _teller(place: str) -> Tell:
    """Return what sends one datagram; a name that begins with @ is an abstract one. systemd's absence is no fault."""
    address = "\0" + place[1:] if place.startswith("@") else place

    def tell(text: str) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
                link.settimeout(1.0)
                link.sendto(text.encode(), address)
        except OSError:
            return

    return tell


def own_watchdog() -> Watchdog | None:
    """Return this process's word to systemd, None where it has none to give."""
    return systemd_watchdog(os.environ, os.getpid())
