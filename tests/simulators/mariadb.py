"""A real MariaDB in a folder of its own, reached over TCP here; root hands it to another user."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import program

USER, PASSWORD, DATABASE = "lineside", "s3cret-word", "lineage"
_START_S = 60.0
_SQL = """
create database {database};
create user '{user}'@'127.0.0.1' identified via mysql_native_password using password('{password}');
create user '{user}'@'localhost' identified via mysql_native_password using password('{password}');
grant all on {database}.* to '{user}'@'127.0.0.1';
grant all on {database}.* to '{user}'@'localhost';
"""


@contextmanager
def mariadb(folder: Path) -> Iterator[str]:
    """Run a server below `folder` and give the URL of an empty database, with the password in it."""
    data, sock, port = folder / "data", folder / "sock", _free_port()
    switch = {**_switch(folder), "env": {**os.environ, "TMPDIR": str(folder)}}
    common = ["--no-defaults", f"--datadir={data}"]
    install = [program("mariadb-install-db"), *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(install, check=True, cwd=folder, stdout=subprocess.DEVNULL, **switch)
    small = ["--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve"]
    where = [f"--socket={sock}", f"--port={port}", "--bind-address=127.0.0.1", f"--pid-file={folder / 'pid'}"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [program("mariadbd"), *common, *where, *small], cwd=folder, stdout=log, stderr=log, **switch
        )
    try:
        _wait(sock, server, folder / "log")
        _sql(sock, _SQL.format(user=USER, password=PASSWORD, database=DATABASE))
        yield f"mysql://{USER}:{PASSWORD}@127.0.0.1:{port}/{DATABASE}"
    finally:
        server.terminate()
        server.wait(timeout=60)


def _switch(folder: Path) -> dict[str, object]:
    """Return what starts a program as an unprivileged user who owns the folder."""
    if os.geteuid():
        return {}
    account = pwd.getpwnam("mysql")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return {"user": account.pw_name, "group": account.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _sql(sock: Path, text: str) -> None:
    client = [program("mariadb"), "--no-defaults", f"--socket={sock}", "--user=root"]
    subprocess.run(client, input=text, text=True, check=True, stdout=subprocess.DEVNULL)


def _wait(sock: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_S
    client = [program("mariadb"), "--no-defaults", f"--socket={sock}", "--user=root", "-e", "select 1"]
    while subprocess.run(client, capture_output=True, check=False).returncode:
        if server.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"MariaDB did not start: {log.read_text()[-500:]}")
        time.sleep(0.1)
