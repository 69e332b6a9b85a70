"""`edge-agent service`: the station under systemd."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.command import json_option, report
from edge_agent.options import home_option

_UNITS = Path("/etc/systemd/system")
_user = click.option("--user", default="", help="Who runs it. [a user that systemd makes for it alone]")


@click.group(epilog="Example: edge-agent service print --home /var/lib/station")
def service() -> None:
    """Run the station as a service of systemd: watched, restarted, shut in."""


@service.command("print", epilog="Example: edge-agent service print --home /var/lib/station > station.service")
@home_option
@_user
@json_option
def print_unit(home: Path, user: str, as_json: bool) -> None:
    """Print the unit."""
    text = _text(home, user)
    report(as_json, {"unit": text}, lambda: click.echo(text, nl=False))


@service.command(epilog="Example: sudo edge-agent service install --home /var/lib/station")
@home_option
@_user
@click.option("--name", default="lineside", show_default=True, help="Name of the service.")
@click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False), default=_UNITS, show_default=True, help="Folder of units."
)
@json_option
def install(home: Path, user: str, name: str, to: Path, as_json: bool) -> None:
    """Write the unit and say how to start it; nothing is started."""
    from edge_agent.contracts.errors import ConfigError

    if not name.replace("-", "").replace("_", "").isalnum():
        raise ConfigError(f"'{name}': a service's name has letters, digits, - and _ only")
    path = to / f"{name}.service"
    text = _text(home, user)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); use sudo, or give another --to") from error
    start = f"systemctl daemon-reload && systemctl enable --now {name}"
    report(as_json, {"unit": str(path), "start": start}, lambda: click.echo(f"{path} written; start it: {start}"))


def _text(home: Path, user: str) -> str:
    from pathlib import PurePosixPath

    from edge_agent.service.unit import Place, unit_text

    known = _settings(home)
    return unit_text(Place(_program(), PurePosixPath(home.absolute()), user, **known))


def _settings(home: Path) -> dict[str, Any]:
    """Return what the unit must allow for this station: its camera, its port. Without settings, the defaults."""
    from edge_agent.config import StationConfig, load_config
    from edge_agent.home import Home

    path = Home(home.absolute()).config
    config = load_config(path) if path.exists() else StationConfig()
    delegate = config.runtime.delegate is not None
    return {"camera": config.source.startswith("usb:"), "delegate": delegate, "port": config.ui.port}


def _program() -> tuple[str, ...]:
    """Return the command beside this interpreter, whatever PATH says."""
    import sys

    from edge_agent.contracts.program import python_program

    beside = Path(sys.executable).with_name("edge-agent")
    return (str(beside),) if beside.exists() else tuple(python_program("edge_agent.cli"))
