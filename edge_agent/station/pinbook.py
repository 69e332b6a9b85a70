"""Who may stand at the station: names, roles and scrypt hashes of PINs in one file (mode 0600).

Nothing here needs a network. A wrong PIN costs about 50 ms of work on purpose; trying many is `Lockout`'s business.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import unicodedata
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.strict import Strict, parse

_NAME = re.compile(r"^[^\W_][\w .'-]{0,39}$")
_PIN = re.compile(r"^[0-9]{4,12}$")
_COST, _BLOCK, _LANES, _MEMORY = 1 << 14, 8, 1, 64 << 20
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{32,128}$", repr=False)]


class Role(str, Enum):
    """What a person may do: everybody decides parts; a supervisor lifts locks, promotes, sets cameras up."""

    OPERATOR = "operator"
    SUPERVISOR = "supervisor"


class Entry(Strict):
    """One person's PIN, as salt and scrypt hash with its cost."""

    role: Role
    salt: Hex
    hash: Hex
    cost: Annotated[int, Field(ge=1 << 10, le=1 << 17)] = _COST

    @property
    def fingerprint(self) -> str:
        """Changes whenever the PIN or the role does, so that sessions opened with the old one end."""
        return hashlib.sha256(f"{self.role.value}/{self.hash}".encode()).hexdigest()[:16]


class _File(Strict):
    schema_version: Literal[1] = 1
    secret: Hex
    operators: dict[str, Entry] = {}


class PinBook:
    """The PINs of one station. Reads follow the file, so what `edge-agent pin` changes holds at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int, int] | None = None
        self._file = _File(secret=secrets.token_hex(32))

    @property
    def secret(self) -> bytes:
        """Key that signs this station's sessions."""
        return bytes.fromhex(self._read().secret)

    def entries(self) -> dict[str, Entry]:
        """Return all people by name, in alphabetical order. Raises ConfigError for a damaged file."""
        return dict(sorted(self._read().operators.items(), key=lambda item: item[0].casefold()))

    def add(self, name: str, pin: str, role: Role) -> bool:
        """Add a person, or give one a new PIN and role; True if the name is new. Raises ConfigError."""
        name = clean_name(name)
        if not _PIN.match(pin):
            raise ConfigError("a PIN is 4 to 12 digits; choose another")
        before = self._read()
        known = next((n for n in before.operators if n.casefold() == name.casefold()), None)
        salt = secrets.token_hex(16)
        entry = Entry(role=role, salt=salt, hash=_hash(pin, salt, _COST))
        self._write(before.model_copy(update={"operators": {**before.operators, known or name: entry}}))
        return known is None

    def remove(self, name: str) -> None:
        """Remove a person. Raises ConfigError where there is none of that name."""
        before = self._read()
        if name not in before.operators:
            known = ", ".join(before.operators) or "nobody yet"
            raise ConfigError(f"no operator '{name}'; known: {known}")
        rest = {n: entry for n, entry in before.operators.items() if n != name}
        self._write(before.model_copy(update={"operators": rest}))

    def check(self, name: str, pin: str) -> Entry | None:
        """Return the person's entry if the PIN is right; takes equally long for a name that does not exist."""
        entry = self._read().operators.get(name)
        salt, cost = (entry.salt, entry.cost) if entry else ("00" * 16, _COST)
        found = _hash(pin[:64], salt, cost)
        return entry if entry is not None and hmac.compare_digest(found, entry.hash) else None

    def _read(self) -> _File:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._stamp = None
            self._file = self._file.model_copy(update={"operators": {}})
            return self._file
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        if stamp != self._stamp:
            self._file, self._stamp = self._load(), stamp
        return self._file

    def _load(self) -> _File:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{self.path}: cannot be read ({error}); move it away and add the PINs again") from error
        return parse(_File, content, str(self.path))

    def _write(self, file: _File) -> None:
        partial = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write(file.model_dump_json(indent=1) + "\n")
                out.flush()
                os.fsync(out.fileno())
            os.replace(partial, self.path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise ConfigError(f"{self.path}: cannot be written ({error.strerror}); check the folder") from error


def clean_name(name: str) -> str:
    """Return the name in its one spelling. Raises ConfigError for what is no name."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not _NAME.match(name):
        raise ConfigError(f"'{name[:60]}' is no operator's name; use 1 to 40 letters, digits, blanks . ' - and _")
    return name


def _hash(pin: str, salt: str, cost: int) -> str:
    """scrypt after RFC 7914."""
    key = hashlib.scrypt(
        pin.encode(), salt=bytes.fromhex(salt), n=cost, r=_BLOCK, p=_LANES, maxmem=_MEMORY * 4, dklen=32
    )
    return key.hex()


def supervisor(home: Path, name: str, pin: str) -> str:
    """Return the name of the supervisor who gave a PIN at the command line. Raises ConfigError for anybody else."""
    entry = PinBook(book_of(home)).check(name, pin)
    if entry is None:
        raise ConfigError(f"wrong name or PIN for '{name[:60]}'; 'edge-agent pin list' names the people")
    if entry.role is not Role.SUPERVISOR:
        raise ConfigError(f"{name} is {entry.role.value}; this needs a supervisor")
    return name


def book_of(home: Path) -> Path:
    """Return where a station keeps its PINs: `pins` of its `station.yaml`, by default `pins.json`."""
    from edge_agent.config import StationConfig, load_config

    settings = home / "station.yaml"
    return home / (load_config(settings) if settings.exists() else StationConfig()).pins
