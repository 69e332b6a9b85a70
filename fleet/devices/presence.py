"""Whether a device is there: the rules, without I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edge_agent.contracts.messages import Presence

LOST_AFTER_MS = 15 * 60 * 1000
"""A device that was not heard for so long is lost, whatever the broker still retains of it."""


class Status(str, Enum):
    """What the dashboard says of a device's connection."""

    NEW = "new"
    ONLINE = "online"
    OFFLINE = "offline"
    LOST = "lost"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Seen:
    """What is known of a device's connection."""

    online: bool = False
    boot: str | None = None
    session: int = 0


def after(seen: Seen, message: Presence) -> Seen:
    """Return what is known after a birth or a will.

    A will of another (boot, session) than the last birth is stale: the broker sent it for a connection that had
    been replaced already. So is a birth of an earlier session of the same boot, which a broker may retain.
    """
    boot = str(message.boot)
    if not message.online:
        return Seen(False, boot, message.session) if (boot, message.session) == (seen.boot, seen.session) else seen
    if boot == seen.boot and message.session < seen.session:
        return seen
    return Seen(True, boot, message.session)


def status(seen: Seen, last_seen_ms: int | None, now_ms: int, revoked: bool = False) -> Status:
    """Return how the device's connection is to be shown."""
    if revoked:
        return Status.REVOKED
    if last_seen_ms is None:
        return Status.NEW
    if now_ms - last_seen_ms > LOST_AFTER_MS:
        return Status.LOST
    return Status.ONLINE if seen.online else Status.OFFLINE
