"""What `fleet enrol` gives to one device: who it is, where it connects, and whom it trusts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from edge_agent.contracts.encoding import Identifier
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.strict import Strict, parse
from edge_agent.contracts.topics import Address


class BrokerAccess(Strict):
    """Where the broker is and how the device proves itself; `ca` is a PEM certificate for TLS."""

    url: Annotated[str, Field(pattern=r"^mqtts?://[^/@]+$")]
    username: str
    password: Annotated[str, Field(repr=False)]
    ca: str | None = None


class RegistryAccess(Strict):
    """Base address of the registry (`metadata/`, `targets/`, `blobs/` lie below) and the trusted TUF root."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    root: dict[str, Any]


class Credentials(Strict):
    """The credentials file of one device; kept with mode 0600."""

    device: Identifier
    site: Identifier
    line: Identifier
    device_class: Identifier
    broker: BrokerAccess
    registry: RegistryAccess
    upload_url: str
    issued_ms: int

    @property
    def address(self) -> Address:
        """The device's place in the topic tree."""
        return Address(self.site, self.device)


def load_credentials(path: Path) -> Credentials:
    """Read a credentials file. Raises ConfigError with the remedy."""
    import json

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: no credentials ({error}); get a file from 'fleet enrol DEVICE --out FILE'"
        ) from error
    return parse(Credentials, content, str(path))


def device_class(path: Path) -> str:
    """Return the class in a credentials file; a station that was never enrolled is of the generic class."""
    return load_credentials(path).device_class if path.exists() else "generic"
