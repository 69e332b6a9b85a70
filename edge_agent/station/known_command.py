"""`edge-agent known`: pictures with a known answer, shown among the real parts to see how sure people's eyes are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.contracts.command import json_option, report
from edge_agent.station.pins import home_option

if TYPE_CHECKING:
    from edge_agent.station.known import KnownPart, KnownParts


@click.group(name="known", short_help="Pictures with a known answer, for the operator page.")
def known() -> None:
    """Manage pictures with a known answer.

    The operator page shows them among the real parts, at the share 'checks.known_share' of station.yaml; they move no
    output and are in no count. 'edge-agent report' says how many each person answered right.

    Example: edge-agent known add scratched.png --verdict reject --label scratch --home /var/lib/lineside
    """


@known.command("add")
@click.argument("picture", type=click.Path(path_type=Path))
@click.option("--verdict", type=click.Choice(["accept", "reject"]), required=True, help="The right answer.")
@click.option("--label", default="", help="The kind of defect of a part to reject, for your own list.")
@home_option
@json_option
def add(picture: Path, verdict: str, label: str, home: Path, as_json: bool) -> None:
    """Copy PICTURE (PNG or JPEG) into the station's folder, with its right answer.

    Example: edge-agent known add clean.png --verdict accept --home /var/lib/lineside
    """
    from edge_agent.clock import SYSTEM
    from edge_agent.contracts.verdict import Verdict

    part, new = _book(home).add(picture, Verdict(verdict), label, SYSTEM.wall_ms())
    words = f"known part {part.id}: {verdict} {label}".rstrip() + ("" if new else " (was known, has this answer now)")
    report(as_json, {**_values(part), "added": new}, lambda: click.echo(words))


@known.command("list")
@home_option
@json_option
def list_parts(home: Path, as_json: bool) -> None:
    """List IDs and right answers.

    Example: edge-agent known list --home /var/lib/lineside
    """
    parts = _book(home).all()

    def human() -> None:
        for part in parts:
            click.echo(f"{part.id}: {part.verdict.value} {part.label}".rstrip())
        if not parts:
            click.echo("none yet; add one with: edge-agent known add PICTURE --verdict accept|reject")

    report(as_json, {"known": [_values(part) for part in parts]}, human)


@known.command("remove")
@click.argument("name", metavar="ID")
@home_option
@json_option
def remove(name: str, home: Path, as_json: bool) -> None:
    """Remove a picture; answers that were given stay in the report.

    Example: edge-agent known remove 3f2a9c01d4e5 --home /var/lib/lineside
    """
    part = _book(home).remove(name)
    report(as_json, {"id": part.id, "removed": True}, lambda: click.echo(f"known part {part.id} removed"))


def _values(part: KnownPart) -> dict[str, Any]:
    return {"id": part.id, "verdict": part.verdict.value, "label": part.label, "added_ms": part.added_ms}


def _book(home: Path) -> KnownParts:
    from edge_agent.contracts.errors import ConfigError
    from edge_agent.home import Home
    from edge_agent.station.known import KnownParts

    if not home.is_dir():
        raise ConfigError(f"{home}: no such folder; create it with 'edge-agent enrol FILE --home {home}'")
    return KnownParts(Home(home).known)
