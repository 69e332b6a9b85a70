"""The command `edge-agent install`."""

from __future__ import annotations

from pathlib import Path

import click

from edge_agent.contracts.command import json_option, report
from edge_agent.options import home_option


@click.command(epilog="Example: edge-agent install /media/usb/tiles-v3.lineside --home /var/lib/station")
@click.argument("archive", type=click.Path(path_type=Path, dir_okay=False))
@home_option
@click.option("--metadata", type=click.Path(path_type=Path, file_okay=False), help="[default: beside ARCHIVE]")
@json_option
def install(archive: Path, home: Path, metadata: Path | None, as_json: bool) -> None:
    """Install a signed bundle from a stick into a stopped station.

    ARCHIVE is a .lineside file; beside it lies a copy of the folder 'metadata' of the registry.
    """
    from edge_agent.home import Home
    from edge_agent.install.offline import install_from_stick

    ref = install_from_stick(Home(home.absolute()), archive, metadata or archive.parent / "metadata")
    report(as_json, {"model": ref.name, "version": ref.version, "release": ref.release, "bundle": ref.bundle})
