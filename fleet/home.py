"""The fleet's folder: where keys, registry, database, pictures and the addresses of the running server lie."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError

DEFAULT = "~/.lineside/fleet"
VARIABLE = "LINESIDE_FLEET_HOME"


class Home:
    """Paths below one fleet's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = folder / "keys"
        self.registry = folder / "registry"
        self.broker = folder / "broker"
        self.images = folder / "images"
        self.admin_token = folder / "admin.token"
        self.client = folder / "client.json"
        self.run = folder / "run.json"

    @property
    def database_url(self) -> str:
        """The database that is used unless another is named."""
        return f"sqlite:///{(self.folder / 'fleet.db').absolute()}"

    @property
    def exists(self) -> bool:
        """True once `fleet init` was here."""
        return self.admin_token.exists()

    def require(self) -> Home:
        """Return the home. Raises ConfigError where there is none."""
        if not self.exists:
            raise ConfigError(f"{self.folder}: no fleet here; create one with 'fleet init {self.folder}'")
        return self


def default_home() -> Path:
    """Return the folder that is meant when none is named: the environment's, or one in the user's own."""
    return Path(os.environ.get(VARIABLE) or DEFAULT).expanduser()


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def write_private_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object into a file that only its owner can read."""
    write_private(path, json.dumps(content, indent=1, sort_keys=True).encode() + b"\n")


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """Read a JSON object. Raises ConfigError with the remedy."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); {remedy}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: found {type(content).__name__}, expected a JSON object; {remedy}")
    return content
