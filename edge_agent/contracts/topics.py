"""MQTT topics: `lineside/v1/<site>/<device>/<channel>`, as frozen, validated values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from edge_agent.contracts.encoding import IDENTIFIER
from edge_agent.contracts.errors import Rejected

PREFIX = "lineside/v1"
_LEVEL = re.compile(IDENTIFIER)


class Channel(str, Enum):
    """The last level of a topic, and with it direction, QoS and whether the broker retains it."""

    DESIRED = "desired"
    REPORTED = "reported"
    EVENT = "event"
    WINDOW = "window"
    ACK = "ack"
    HEALTH = "health"
    PRESENCE = "presence"
    CMD = "cmd"
    BLOB = "blob"

    @property
    def qos(self) -> int:
        """0 where a lost message does no harm, else 1."""
        return 0 if self is Channel.HEALTH else 1

    @property
    def retained(self) -> bool:
        """True for whole states, false for facts that are acknowledged one by one."""
        return self in (Channel.DESIRED, Channel.REPORTED, Channel.PRESENCE)


DOWN = (Channel.DESIRED, Channel.ACK, Channel.CMD, Channel.BLOB)
"""What a device subscribes to."""

UP = (Channel.REPORTED, Channel.EVENT, Channel.WINDOW, Channel.HEALTH, Channel.PRESENCE)
"""What the fleet subscribes to."""


@dataclass(frozen=True)
class Address:
    """One device at one site."""

    site: str
    device: str

    def __post_init__(self) -> None:
        for level in (self.site, self.device):
            if not _LEVEL.match(level):
                raise Rejected(
                    f"'{level}' is no site or device name; use 1 to 63 of a-z 0-9 . _ - and start with a letter"
                )

    def topic(self, channel: Channel) -> str:
        """Return the full topic of one of the device's channels."""
        return f"{PREFIX}/{self.site}/{self.device}/{channel.value}"

    @property
    def subtree(self) -> str:
        """The filter that covers all that the device may publish and subscribe."""
        return f"{PREFIX}/{self.site}/{self.device}/#"


def parse(topic: str) -> tuple[Address, Channel]:
    """Split a concrete topic. Raises Rejected for anything that is not one of ours."""
    parts = topic.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != PREFIX:
        raise Rejected(f"topic '{topic[:120]}' is not {PREFIX}/<site>/<device>/<channel>")
    try:
        return Address(parts[2], parts[3]), Channel(parts[4])
    except ValueError as error:
        raise Rejected(f"topic '{topic[:120]}' ends in an unknown channel") from error


def fleet_filter(channel: Channel) -> str:
    """Return the subscription of a fleet server for one channel of all devices."""
    return f"{PREFIX}/+/+/{channel.value}"
