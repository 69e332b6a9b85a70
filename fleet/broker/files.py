"""Files for Mosquitto: configuration, passwords and access list, kept in step with the enrolled devices."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
from pathlib import Path

from fleet.broker.accounts import Account, acl_file, password_file
from fleet.home import write_private

CONFIG, PASSWORDS, ACL, PID = "mosquitto.conf", "passwords", "acl", "mosquitto.pid"


def config_file(folder: Path, host: str, port: int) -> str:
    """Return a Mosquitto configuration that lets in only who is in the password file.

    Nothing depends on what the broker stores, so it stores nothing. A client's identity is its user name, so that
    nobody can take another one's connection over.
    """
    lines = [
        f"listener {port} {host}",
        "allow_anonymous false",
        f"password_file {folder / PASSWORDS}",
        f"acl_file {folder / ACL}",
        "use_username_as_clientid true",
        f"pid_file {folder / PID}",
        "persistence false",
        "max_queued_messages 10000",
        "message_size_limit 1048576",
        "log_type error",
        "log_type warning",
        "log_dest stderr",
    ]
    if os.geteuid() == 0:
        lines.append(f"user {pwd.getpwuid(0).pw_name}")  # else it gives up its rights and cannot read the files
    return "\n".join(lines) + "\n"


def write_accounts(folder: Path, accounts: list[Account]) -> bool:
    """Bring password file and access list up to date; return whether anything changed."""
    changed = False
    for name, content in ((PASSWORDS, password_file(accounts)), (ACL, acl_file())):
        path = folder / name
        if not path.exists() or path.read_text() != content:
            write_private(path, content.encode())
            changed = True
    return changed


def write_config(folder: Path, host: str, port: int) -> None:
    """Write the configuration."""
    write_private(folder / CONFIG, config_file(folder.absolute(), host, port).encode())


def write_all(folder: Path, accounts: list[Account], host: str, port: int) -> None:
    """Write configuration, passwords and access list."""
    folder.mkdir(parents=True, exist_ok=True)
    write_accounts(folder, accounts)
    write_config(folder, host, port)


def reload(folder: Path) -> None:
    """Tell the Mosquitto that runs with these files to read them again, if one runs."""
    with contextlib.suppress(OSError, ValueError):
        os.kill(int((folder / PID).read_text()), signal.SIGHUP)
