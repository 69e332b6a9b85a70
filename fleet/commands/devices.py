"""`fleet enrol`, `fleet devices` and `fleet revoke`."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from edge_agent.contracts.command import json_option, report
from edge_agent.contracts.errors import ConfigError
from fleet.commands.options import ago, connect, home_option, table
from fleet.home import write_private


@click.command(epilog="Example: fleet enrol cam7 --site munich --line l2 --class generic --out cam7.json")
@click.argument("device")
@click.option("--site", required=True, help="The plant or hall.")
@click.option("--line", required=True, help="The production line.")
@click.option("--class", "device_class", default="generic", show_default=True, help="The kind of hardware.")
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="For --where later; may be repeated.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The credentials file.")
@click.option("--renew", is_flag=True, help="Give a known device a new password.")
@home_option
@json_option
def enrol(
    device: str,
    site: str,
    line: str,
    device_class: str,
    tags: tuple[str, ...],
    out: Path,
    renew: bool,
    home: Path,
    as_json: bool,
) -> None:
    """Enrol DEVICE and write its credentials file, which only you can read; carry it to the device."""
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise ConfigError(f"{out}: cannot be written; name a file in a folder that is there")
    new = {
        "device": device,
        "site": site,
        "line": line,
        "device_class": device_class,
        "renew": renew,
        "tags": _tags(tags),
    }
    credentials = connect(home).post("/api/v1/devices", new)
    write_private(out, json.dumps(credentials, indent=1).encode() + b"\n")
    human = f"{device} is enrolled. Carry {out} to it and run 'edge-agent enrol {out.name} --home DIR' there."
    report(as_json, {"device": device, "site": site, "file": str(out)}, lambda: click.echo(human))


def _tags(pairs: tuple[str, ...]) -> dict[str, str]:
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise ConfigError(f"tag '{wrong[0]}' is not NAME=VALUE")
    return dict(pair.split("=", 1) for pair in pairs)


@click.command(epilog="Example: fleet revoke cam7")
@click.argument("device")
@home_option
@json_option
def revoke(device: str, home: Path, as_json: bool) -> None:
    """Shut DEVICE out of broker and registry; enrol it with --renew to let it in again."""
    report(as_json, connect(home).post(f"/api/v1/devices/{device}/revoke"))


@click.command(epilog="Example: fleet devices --site munich")
@click.argument("device", required=False)
@click.option("--site", help="Only those of one site.")
@home_option
@json_option
def devices(device: str | None, site: str | None, home: Path, as_json: bool) -> None:
    """List the devices, or show one."""
    client = connect(home)
    if device is not None:
        report(as_json, client.get(f"/api/v1/devices/{device}"))
        return
    listed = client.get("/api/v1/devices", site=site)["devices"]

    def human() -> None:
        now = time.time()
        rows = [
            (
                d["id"],
                d["site"],
                d["line"],
                d["device_class"],
                d["status"],
                d["state"],
                (d["running"] or "")[:12] or None,
                d["running_release"] or None,
                d["refused"] or None,
                ago(now, d["last_seen_ms"]),
            )
            for d in listed
        ]
        headings = ("device", "site", "line", "class", "status", "state", "bundle", "release", "refused", "seen")
        table(headings, rows, "No device yet; 'fleet enrol DEVICE'.")

    report(as_json, {"devices": listed}, human)
