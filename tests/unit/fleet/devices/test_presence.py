"""Whether a device is there, whatever order births and wills arrive in."""

from __future__ import annotations

from uuid import UUID

from edge_agent.contracts.messages import Presence
from fleet.devices.presence import LOST_AFTER_MS, Seen, Status, after, status

BOOT, OTHER = UUID(int=1), UUID(int=2)


def _message(online: bool, session: int, boot: UUID = BOOT) -> Presence:
    return Presence(online=online, boot=boot, session=session, at_ms=0)


def test_birth_and_will_of_the_same_session():
    born = after(Seen(), _message(True, 1))
    assert born == Seen(True, str(BOOT), 1)
    assert not after(born, _message(False, 1)).online


def test_a_will_of_another_session_or_boot_is_stale():
    born = after(Seen(), _message(True, 2))
    assert after(born, _message(False, 1)) is born
    assert after(born, _message(False, 2, OTHER)) is born


def test_an_older_birth_of_the_same_boot_is_stale_but_a_new_boot_is_not():
    born = after(Seen(), _message(True, 5))
    assert after(born, _message(True, 4)) is born
    assert after(born, _message(True, 1, OTHER)) == Seen(True, str(OTHER), 1)


def test_what_is_shown():
    there, gone = Seen(True, str(BOOT), 1), Seen(False, str(BOOT), 1)
    assert status(Seen(), None, 0) is Status.NEW
    assert status(there, 0, LOST_AFTER_MS) is Status.ONLINE
    assert status(gone, 0, LOST_AFTER_MS) is Status.OFFLINE
    assert status(there, 0, LOST_AFTER_MS + 1) is Status.LOST
    assert status(there, 0, 0, revoked=True) is Status.REVOKED
