"""The uplink process: the fleet's side where the station is enrolled, the line's side where its settings ask for it."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from edge_agent.channel import Channel, Message
from edge_agent.config import StationConfig, load_config
from edge_agent.contracts.errors import Unavailable
from edge_agent.home import Home


class Side(Protocol):
    """One of the two."""

    @property
    def alive(self) -> bool:
        """False when a thread has died."""

    def start(self) -> None:
        """Connect."""

    def receive(self, message: Message) -> None:
        """Take a message of another process of the station."""

    def watch(self) -> None:
        """Do what is due about once a second."""

    def status(self) -> Message:
        """Return what belongs into the station's status."""

    def close(self) -> None:
        """Stop."""


def main(home: Home, boot: UUID, channel: Channel, fleet: bool = True) -> None:
    """Be the uplink process until the channel closes. Raises Unavailable when a part of it has died."""
    sides = _sides(home, boot, channel, load_config(home.config), fleet)
    told: Message = {}
    try:
        for side in sides:
            side.start()
        while not channel.closed:
            message = channel.receive(1.0)
            for side in sides:
                if message is not None:
                    side.receive(message)
                side.watch()
            if not all(side.alive for side in sides):
                raise Unavailable("a thread of the uplink has died; see the lines above")
            status = {key: value for side in sides for key, value in side.status().items()}
            if status != told:
                channel.send({"to": "supervisor", "kind": "status", **status})
                told = status
    finally:
        for side in sides:
            side.close()


def _sides(home: Home, boot: UUID, channel: Channel, config: StationConfig, fleet: bool) -> list[Side]:
    """Return what this station needs; what it does not need is not even imported."""
    sides: list[Side] = []
    if config.speaks_with_the_line:
        from edge_agent.uplink.line_side import LineSide

        sides.append(LineSide(home, boot, channel.send, config))
    if fleet and home.credentials.exists():
        from edge_agent.uplink.service import Uplink

        sides.append(Uplink(home, boot, channel.send, config))
    return sides
