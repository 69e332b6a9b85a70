"""The address of ML Metadata's database: what it says, and what of it may be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from edge_agent.contracts.errors import ConfigError

PASSWORD = "LINESIDE_METADATA_PASSWORD"
"""Environment variable with the password, where the URL has none."""

_SECRET = re.compile(r"(\w+://[^\s/:@]*):[^\s/]*@")


@dataclass(frozen=True)
class MySql:
    """A MySQL or MariaDB database; `socket` is the path of a local server's socket, "" for TCP."""

    host: str
    port: int
    user: str
    password: str
    database: str
    socket: str


def parse_url(url: str, environment: Mapping[str, str]) -> MySql:
    """Read `mysql://user:password@host:port/database?socket=PATH`. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        port = parts.port or 3306
    except ValueError as error:
        raise ConfigError(f"metadata_url {without_password(url)}: {error}") from error
    database = parts.path.strip("/")
    if parts.scheme != "mysql" or not database:
        raise ConfigError(
            f"metadata_url {without_password(url)}: expected mysql://user@host/database; the password may stand in "
            f"the environment variable {PASSWORD}"
        )
    secret = unquote(parts.password) if parts.password is not None else environment.get(PASSWORD, "")
    socket = parse_qs(parts.query).get("socket", [""])[0]
    return MySql(parts.hostname or "127.0.0.1", port, unquote(parts.username or ""), secret, database, socket)


def without_password(text: str) -> str:
    """Return a text in which no URL holds a password: for records, logs and answers."""
    return _SECRET.sub(r"\1@", text)
