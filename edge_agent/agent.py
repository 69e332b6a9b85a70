"""The hot process: trigger, picture, verdict, journal, output."""

from __future__ import annotations

from uuid import UUID

from edge_agent.channel import Channel
from edge_agent.home import Home


def main(home: Home, boot: UUID, channel: Channel, source: str | None) -> None:
    """Inspect until the channel closes."""
    while not channel.closed:
        channel.receive(1.0)
