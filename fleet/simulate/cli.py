"""`fleet simulate`: many devices in one process, with the real agent code."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType

import click

from edge_agent.contracts.command import json_option, report
from fleet.home import Home, default_home
from fleet.simulate.plan import CLASSES, SITES


@click.command(epilog="Example: fleet simulate --devices 20 --brightness 0.6@60 --brightness-site north")
@click.option("--devices", type=int, default=20, show_default=True, help="How many.")
@click.option("--source", default="synthetic:?seed=1", show_default=True, help="Where their pictures come from.")
@click.option("--rate", type=float, default=1.0, show_default=True, help="Parts a second, of each device.")
@click.option("--brightness", metavar="F@T", help="From T seconds on, scale the light by F.")
@click.option("--brightness-site", multiple=True, help="Only at this site; may be repeated.")
@click.option("--site", "sites", multiple=True, default=SITES, show_default=True, help="A site; may be repeated.")
@click.option("--class", "classes", multiple=True, default=CLASSES, show_default=True, help="A device class; likewise.")
@click.option("--prefix", default="sim", show_default=True, help="First part of the devices' names.")
@click.option("--seconds", type=float, help="End by itself after so long; else at Ctrl-C.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the stations' folders lie. [HOME/simulated]")
@click.option("--home", type=click.Path(path_type=Path), default=default_home, help="The fleet's folder.")
@json_option
def simulate(
    devices: int,
    source: str,
    rate: float,
    brightness: str | None,
    brightness_site: tuple[str, ...],
    sites: tuple[str, ...],
    classes: tuple[str, ...],
    prefix: str,
    seconds: float | None,
    folder: Path | None,
    home: Path,
    as_json: bool,
) -> None:
    """Enrol simulated devices and run them until Ctrl-C.

    They are spread over sites, lines and classes, use the real agent code and protocol, and keep their folders.
    """
    from fleet.client import Client
    from fleet.simulate.plan import plan
    from fleet.simulate.stations import Running, enrol

    planned = plan(devices, sites, classes, source, brightness, brightness_site, prefix)
    stop = _stop_signal()
    groups = enrol(Client.of(Home(home)), planned, folder or home / "simulated")
    with Running(groups, rate) as running:
        click.echo(f"{devices} devices at {', '.join(sites)}; Ctrl-C ends them", err=True)
        left = seconds
        while not stop.is_set() and (left is None or left > 0):
            running.wait(0.5)
            left = None if left is None else left - 0.5
    report(as_json, {"devices": devices, "sites": list(sites), "processes": len(groups)})


def _stop_signal() -> threading.Event:
    """Return an event that Ctrl-C and SIGTERM set."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGTERM, ask)
    return stop
