"""Device passwords: 256 random bits, of which only a hash is kept, in the form that Mosquitto reads too."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

_ITERATIONS = 101
"""Enough for a password that cannot be guessed; the same that mosquitto_passwd uses."""
_SALT_BYTES = 12
_KEY_BYTES = 64


def new_password() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def hash_password(password: str, salt: bytes | None = None) -> str:
    """Return `$7$iterations$salt$hash` (PBKDF2 with SHA-512), as in a Mosquitto 2 password file."""
    salt = secrets.token_bytes(_SALT_BYTES) if salt is None else salt
    key = _derive(password, salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${_text(salt)}${_text(key)}"


def verify_password(password: str, stored: str) -> bool:
    """Compare in constant time; False for a stored value that is not of our form."""
    parts = stored.split("$")
    if len(parts) != 5 or parts[:2] != ["", "7"] or not parts[2].isdigit():
        return False
    try:
        salt, key = (base64.b64decode(part, validate=True) for part in parts[3:])
    except binascii.Error:
        return False
    return hmac.compare_digest(_derive(password, salt, int(parts[2])), key)


def _derive(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations, _KEY_BYTES)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
