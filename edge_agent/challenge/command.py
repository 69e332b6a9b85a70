"""`edge-agent challenge`: parts with a known answer, the lock after a failure, and the parts it puts in doubt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.command import json_option, report
from edge_agent.options import home_option


@click.group(name="challenge", short_help="Parts with a known answer, and the lock.")
def challenge() -> None:
    """Present parts with a known answer; unlock a station that judged one wrongly; list the parts in doubt.

    Example: edge-agent challenge show --home /var/lib/station
    """


@challenge.command()
@home_option
@json_option
def show(home: Path, as_json: bool) -> None:
    """Say which challenge parts there are, when each was presented last, and whether the station is locked.

    Example: edge-agent challenge show --home /var/lib/station
    """
    from edge_agent.challenge.board import board
    from edge_agent.journal.reader import read_journal

    place = _place(home)
    with read_journal(place.journal) as reader:
        found = board(reader, _config(place))
    report(as_json, found, lambda: _say(found))


@challenge.command()
@click.argument("part")
@home_option
@click.option("--cancel", is_flag=True, help="Take the next part for production after all.")
@json_option
def start(part: str, home: Path, cancel: bool, as_json: bool) -> None:
    """Take the next triggered part for the challenge part PART.

    Example: edge-agent challenge start scratched-7 --home /var/lib/station
    """
    from edge_agent.challenge import record
    from edge_agent.challenge.board import checked_name
    from edge_agent.journal.beside import journal_beside

    place = _place(home)
    name = checked_name(_config(place), part)
    with journal_beside(place.journal) as (database, _):
        record.disarm(database) if cancel else record.arm(database, name)
    words = "the next part is a production part" if cancel else f"put {name} in front of the camera and trigger it"
    report(as_json, {"part": name, "started": not cancel}, lambda: click.echo(words))


@challenge.command()
@home_option
@click.option("--name", required=True, help="A supervisor of this station (edge-agent pin).")
@click.option("--pin", "digits", prompt="PIN", hide_input=True, help="The supervisor's PIN; asked for if left out.")
@click.option("--why", required=True, help="What was found and done, kept in the journal.")
@json_option
def unlock(home: Path, name: str, digits: str, why: str, as_json: bool) -> None:
    """Lift the lock after a failed challenge; all challenge parts are due again.

    Example: edge-agent challenge unlock --name Anna --why "lens cleaned" --home /var/lib/station
    """
    from edge_agent.challenge import record
    from edge_agent.clock import SYSTEM
    from edge_agent.journal.beside import journal_beside
    from edge_agent.station.pinbook import supervisor

    place = _place(home)
    who = supervisor(place.root, name, digits)
    with journal_beside(place.journal) as (database, boot):
        lock = record.unlock(database, boot, who, why, SYSTEM.wall_ms())
    shown = {"unlocked": lock.name, "who": who, "why": why}
    report(as_json, shown, lambda: click.echo("unlocked; now present all challenge parts again"))


@challenge.command()
@home_option
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="CSV file to write, with a line a part.")
@json_option
def suspects(home: Path, out: Path | None, as_json: bool) -> None:
    """List the parts that were judged between the last pass and the failure.

    Example: edge-agent challenge suspects --home /var/lib/station --out suspects.csv
    """
    from edge_agent.challenge import record
    from edge_agent.challenge.board import csv_lines
    from edge_agent.contracts.errors import Rejected
    from edge_agent.journal.reader import read_journal

    place = _place(home)
    with read_journal(place.journal) as reader:
        lock = record.last_lock(reader)
        if lock is None:
            raise Rejected("no challenge part has ever failed here, so no part is in doubt")
        count = record.count_suspects(reader, lock)
        if out is not None:
            with out.open("w", encoding="utf-8", newline="") as file:
                file.writelines(csv_lines(record.suspects(reader, lock)))
        elif not as_json:
            for line in csv_lines(record.suspects(reader, lock)):
                click.echo(line, nl=False)
    shown = {"count": count, "failed": lock.name, "part": lock.part, "since": lock.since, "file": str(out or "")}
    report(as_json, shown, lambda: click.echo(f"{count} parts in doubt", err=True))


def _say(found: dict[str, Any]) -> None:
    if not found["parts"]:
        click.echo("no challenge parts; name some under 'challenge' in station.yaml")
    for part in found["parts"]:
        click.echo(f"{part['name']} ({part['known']}): {part['words']}")
    if found["armed"]:
        click.echo(f"the next triggered part is taken for {found['armed']}")
    if found["lock"]:
        lock = found["lock"]
        click.echo(f"LOCKED: {lock['name']}: {lock['why']}; {lock['suspects']} parts in doubt")


def _place(home: Path) -> Any:
    from edge_agent.home import Home

    return Home(home.absolute())


def _config(place: Any) -> Any:
    from edge_agent.config import StationConfig, load_config

    return (load_config(place.config) if place.config.exists() else StationConfig()).challenge
