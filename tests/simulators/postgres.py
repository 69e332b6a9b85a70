"""A real PostgreSQL in a folder of its own, reached through a socket there; root hands it to another user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def programs() -> Path:
    """Return the folder of initdb and pg_ctl. Raises FileNotFoundError with the remedy."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else _PLACES
    if not places:
        raise FileNotFoundError("no PostgreSQL server here; install it with 'apt-get install postgresql'")
    return places[0]


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Run a server below `folder` and give its URL."""
    binaries, data = programs(), folder / "data"
    user = pwd.getpwuid(os.geteuid()).pw_name if os.geteuid() else "postgres"
    if not os.geteuid():
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)

    def run(*command: object) -> None:
        words = [str(word) for word in command]
        switch = {} if os.geteuid() else {"user": user, "group": user, "extra_groups": []}
        subprocess.run(words, check=True, cwd=folder, stdout=subprocess.DEVNULL, **switch)

    run(binaries / "initdb", "-D", data, "-A", "trust", "-U", "lineside", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
    run(binaries / "pg_ctl", "-D", data, "-w", "-o", options, "-l", folder / "log", "start")
    try:
        yield f"postgresql://lineside@/postgres?host={folder}"
    finally:
        run(binaries / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
