"""`edge-agent serve`: a model for tables as an HTTP server in TensorFlow Serving's form."""

from __future__ import annotations

import logging
import platform
import signal
import tempfile
import threading
from pathlib import Path

import click

from edge_agent.contracts.command import json_option, report

_PATH = click.Path(path_type=Path)


@click.command(epilog="Example: edge-agent serve --bundle work/served/folder/turned-part/latest --home server")
@click.option("--bundle", type=_PATH, required=True, help="Folder or .lineside file of a model for tables, or a link.")
@click.option("--home", type=_PATH, required=True, help="The server's folder; its token is made there at first.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8501, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--device-class", default=platform.machine().lower(), show_default=True, help="Whose variant runs.")
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="Threads of the runtime.")
@json_option
def serve(bundle: Path, home: Path, host: str, port: int, device_class: str, threads: int, as_json: bool) -> None:
    """Answer rows of sensor readings by HTTP until Ctrl-C, with a model for tables.

    POST /v1/models/NAME:predict takes {"instances": [{COLUMN: CELL, …}, …]}, as TensorFlow Serving does. Requests carry
    the token of HOME/api.token. A link is followed when it is turned to another bundle.
    """
    from edge_agent.clock import SYSTEM
    from edge_agent.rows.service import RowService, followed
    from edge_agent.rows.serving import application
    from edge_agent.station.door import Door, load_api_token
    from edge_agent.station.pinbook import PinBook
    from edge_agent.station.port import address, listen, served

    logging.basicConfig(level=logging.WARNING, format="serve: %(message)s")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with tempfile.TemporaryDirectory(prefix="lineside-") as work:
        service = RowService(followed(bundle, device_class, threads, Path(work)))
        manifest = service.manifest()
        token = home.absolute() / "api.token"
        door = Door(PinBook(home / "pins.json"), load_api_token(token), "", SYSTEM)
        listener = listen(host, port, "the prediction server", "stop what runs there or give --port")
        url = f"{address(listener)}v1/models/{manifest.name}"
        told = {"url": url, "model": manifest.name, "version": manifest.version, "token": str(token)}
        with served(application(service, door), listener) as thread:
            report(
                as_json, told, lambda: click.echo(f"{manifest.name} {manifest.version}: {url}:predict, token {token}")
            )
            while thread.is_alive() and not stopping.wait(0.5):
                pass
