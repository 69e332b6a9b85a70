"""`fleet init`, `fleet serve` and `fleet broker-files`."""

from __future__ import annotations

import logging
import os
import signal
import threading
from pathlib import Path

import click

from edge_agent.contracts.command import json_option, report
from fleet.commands.options import home_option
from fleet.home import Home


@click.command(epilog="Example: fleet init ~/fleet")
@click.argument("folder", metavar="HOME", type=click.Path(path_type=Path, file_okay=False))
@json_option
def init(folder: Path, as_json: bool) -> None:
    """Create a fleet in the folder HOME: signing keys, registry, database, admin token."""
    from fleet.founding import found

    result = found(Home(folder))

    def human() -> None:
        click.echo(f"A fleet lies in {folder}. Serve it with 'fleet serve --home {folder}'.")
        click.echo(f"Admin token: {result['token']}   Signing keys: {result['keys']} (keep a copy elsewhere)")

    report(as_json, result, human)


@click.command(
    epilog="Example: fleet serve --home ~/fleet --broker mqtt://broker:1883 --broker-files /etc/mosquitto/fleet"
)
@home_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", default=8780, show_default=True, help="HTTP port; 0 takes a free one.")
@click.option("--mqtt-port", default=8783, show_default=True, help="Port of the broker that serve starts.")
@click.option(
    "--broker", metavar="URL", help="A broker that runs already (mqtt://, mqtts://), or 'mosquitto' to start it."
)
@click.option(
    "--broker-files", type=click.Path(path_type=Path), help="Keep Mosquitto's account files there up to date."
)
@click.option("--broker-ca", type=click.Path(path_type=Path, exists=True), help="PEM certificate to trust for mqtts.")
@click.option("--db", metavar="URL", help="Database instead of SQLite in HOME: postgresql://user:password@host/name.")
@click.option("--advertise", metavar="HOST", help="The name under which devices reach this machine.")
@json_option
def serve(
    home: Path,
    host: str,
    port: int,
    mqtt_port: int,
    broker: str | None,
    broker_files: Path | None,
    broker_ca: Path | None,
    db: str | None,
    advertise: str | None,
    as_json: bool,
) -> None:
    """Run the fleet server until Ctrl-C: broker, ingest, registry, API and dashboard."""
    from fleet.broker.process import require_free

    Home(home).require()
    require_free(host, port, "--port")  # before what takes long to import, so that a wrong word is answered at once

    from fleet.service import Settings, running

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = Settings(Home(home), host, port, mqtt_port, broker, broker_files, broker_ca, db, advertise)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with running(settings) as service:
        result = {"url": service.url, "broker": service.broker_url, "pid": os.getpid(), "home": str(home)}
        report(
            as_json, result, lambda: click.echo(f"Dashboard {service.url}   broker {service.broker_url}   Ctrl-C ends")
        )
        ended.wait()


@click.command("broker-files", epilog="Example: fleet broker-files --out /etc/mosquitto/fleet --port 1883")
@home_option
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the files.")
@click.option("--host", default="0.0.0.0", show_default=True, help="Address that Mosquitto listens on.")
@click.option("--port", default=1883, show_default=True, help="Port that Mosquitto listens on.")
@click.option("--db", metavar="URL", help="The fleet's database, if it is not the one in HOME.")
@json_option
def broker_files(home: Path, out: Path, host: str, port: int, db: str | None, as_json: bool) -> None:
    """Write mosquitto.conf, password file and access list for a Mosquitto of your own.

    Start it with 'mosquitto -c OUT/mosquitto.conf', and the server with '--broker URL --broker-files OUT', which keeps
    the accounts up to date as devices are enrolled.
    """
    from fleet.broker.accounts import Account
    from fleet.broker.files import write_all
    from fleet.founding import broker_account
    from fleet.store.database import Database
    from fleet.store.tables import Device

    found = Home(home).require()
    database = Database(db or found.database_url)
    with database.read() as session:
        devices = session.query(Device).filter(Device.revoked_ms.is_(None)).all()
        accounts = [Account(device.id, device.credential) for device in devices]
    database.close()
    write_all(out, [broker_account(found)[0], *accounts], host, port)
    report(as_json, {"folder": str(out), "accounts": len(accounts) + 1})
