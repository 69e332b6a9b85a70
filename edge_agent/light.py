"""The command `edge-agent light`."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from pathlib import Path

import click


@click.command(epilog="Example: edge-agent light --stations ./stations --source folder:///data/parts?loop=1 --rate 0.5")
@click.option("--stations", type=click.Path(path_type=Path, file_okay=False), required=True, help="One folder each.")
@click.option("--source", default="synthetic:?seed=1", show_default=True, help="Where pictures come from.")
@click.option(
    "--rate", type=click.FloatRange(0.001, 100), default=0.3, show_default=True, help="Parts per second each."
)
@click.option(
    "--enrol",
    "newcomers",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of credentials files (DEVICE.json): make a station of each first, and remove the file.",
)
def light(stations: Path, source: str, rate: float, newcomers: Path | None) -> None:
    """Run many light stations in one process until Ctrl-C; prints one JSON line when all have started."""
    from edge_agent.capture.address import parse_address
    from edge_agent.light_stations import run, station_folders
    from edge_agent.setup import enrol_folder

    logging.basicConfig(level=logging.WARNING, format="light: %(message)s")
    parse_address(source)
    if newcomers is not None:
        enrol_folder(newcomers, stations.absolute(), source)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())

    def ready(count: int) -> None:
        click.echo(json.dumps({"ready": True, "stations": count, "pid": os.getpid()}))

    run(station_folders(stations.absolute()), source, rate, stopping, ready)
