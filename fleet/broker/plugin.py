"""What makes the embedded broker ask for passwords and keep everyone in the own subtree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin

from fleet.broker.accounts import FLEET, may_use, parse_password_file
from fleet.devices.passwords import verify_password


class Passwords(BaseAuthPlugin):  # type: ignore[misc]
    """Lets in who is in the password file; it is read again when it has changed."""

    @dataclass
    class Config:
        """Where the password file lies."""

        path: str = ""

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self._path = Path(self.config.path)
        self._stamp: tuple[int, int] | None = None
        self._known: dict[str, str] = {}

    async def authenticate(self, *, session: Any) -> bool:
        """True for a known name with its password; a device's client id must be its name."""
        name = session.username or ""
        if name != FLEET and session.client_id != name:
            return False
        return verify_password(session.password or "", self._credentials().get(name, ""))

    def _credentials(self) -> dict[str, str]:
        status = self._path.stat()
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            self._known, self._stamp = parse_password_file(self._path.read_text()), stamp
        return self._known


class Subtrees(BaseTopicPlugin):  # type: ignore[misc]
    """Refuses every topic and filter outside the account's own subtree."""

    async def topic_filtering(self, *, session: Any = None, topic: str | None = None, action: Any = None) -> bool:
        """True where the account may use the topic."""
        return session is not None and may_use(session.username or "", topic or "")
