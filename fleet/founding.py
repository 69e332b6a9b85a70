"""`fleet init`: the folder of a new fleet, with its keys, registry, database, admin token and broker account."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from edge_agent.contracts.errors import ConfigError
from fleet.broker.accounts import FLEET, Account
from fleet.devices.passwords import hash_password, new_password
from fleet.home import Home, read_json, write_private, write_private_json
from fleet.registry.publish import found_registry
from fleet.registry.repository import Repository
from fleet.store.database import Database
from fleet.web.auth import add_token, new_token

_ACCOUNT = "fleet.json"


def found(home: Home, now: datetime | None = None) -> dict[str, Any]:
    """Create everything a fleet needs. Raises ConfigError where there is one already."""
    if home.exists:
        raise ConfigError(f"{home.folder}: there is a fleet already; serve it, or choose another folder")
    now = now or datetime.now(timezone.utc)
    for folder in (home.folder, home.keys, home.broker, home.images):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    root, targets = found_registry(home.keys, now)
    Repository(home.registry, home.keys).create(root, targets, now)
    password = new_password()
    write_private_json(home.broker / _ACCOUNT, {"password": password, "credential": hash_password(password)})
    database = Database(home.database_url)
    database.migrate()
    database.close()
    write_private(home.admin_token, new_token().encode() + b"\n")
    return {"home": str(home.folder), "keys": str(home.keys), "token": str(home.admin_token)}


def broker_account(home: Home) -> tuple[Account, str]:
    """Return the server's own account at the broker, and its password."""
    content = read_json(home.broker / _ACCOUNT, "restore it from your backup, or begin with 'fleet init'")
    return Account(FLEET, str(content["credential"])), str(content["password"])


def admin_token(home: Home, database: Database, now_ms: int) -> str:
    """Return the admin's token, making sure that the database lets it in."""
    token = home.require().admin_token.read_text().strip()
    with database.begin() as session:
        add_token(session, token, "admin", "admin", now_ms)
    return token
