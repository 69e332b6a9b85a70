"""Whom the broker lets in, and where each may publish and subscribe: rules without I/O, for every broker."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.contracts.topics import PREFIX

FLEET = "fleet"
"""The server's own account, which sees the whole tree."""
ACL_PATTERN = f"{PREFIX}/+/%u/#"


@dataclass(frozen=True)
class Account:
    """A user of the broker and the hash of its password."""

    name: str
    credential: str


def may_use(name: str, topic: str) -> bool:
    """True where an account may publish to a topic or subscribe to a filter: its own subtree, the fleet's all."""
    prefix, levels = PREFIX.split("/"), topic.split("/")
    if levels[: len(prefix)] != prefix:
        return False
    if name == FLEET:
        return True
    rest = levels[len(prefix) :]
    return len(rest) >= 3 and rest[1] == name and rest[0] not in ("#", "")


def password_file(accounts: list[Account]) -> str:
    """Return the content of a Mosquitto password file, sorted so that it changes only when accounts do."""
    return "".join(f"{account.name}:{account.credential}\n" for account in sorted(accounts, key=lambda a: a.name))


def parse_password_file(text: str) -> dict[str, str]:
    """Return credential by name."""
    lines = (line.partition(":") for line in text.splitlines())
    return {name: credential for name, colon, credential in lines if colon}


def acl_file() -> str:
    """Return the content of a Mosquitto access list: devices below their own name, the fleet everywhere."""
    return f"user {FLEET}\ntopic readwrite {PREFIX}/#\n\npattern readwrite {ACL_PATTERN}\n"
