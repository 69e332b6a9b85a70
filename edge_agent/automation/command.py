"""`edge-agent automation`: how much the machine decides alone, and on what evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.command import json_option, report
from edge_agent.contracts.verdict import Automation
from edge_agent.options import home_option

why_option = click.option("--why", required=True, help="Reason, kept in the journal.")
DEGREES = tuple(degree.value for degree in Automation)


@click.group(name="automation", short_help="How much the machine decides alone, and on what evidence.")
def automation() -> None:
    """Degrees: human, shadow, assist, partial, full. Up one step at a time and by evidence, down at any time.

    Example: edge-agent automation show --home /var/lib/station
    """


@automation.command()
@home_option
@json_option
def show(home: Path, as_json: bool) -> None:
    """Say which degree holds, why, and what is missing for the next.

    Example: edge-agent automation show --home /var/lib/station --json
    """
    from edge_agent.automation.steps import standing
    from edge_agent.home import Home
    from edge_agent.journal.reader import read_journal

    place = Home(home.absolute())
    with read_journal(place.journal) as reader:
        found = standing(reader, _bundle(place), _settings(place))
        plain = found.plain(reader)
    report(as_json, plain, lambda: _say(plain))


@automation.command()
@home_option
@click.option("--name", required=True, help="A supervisor of this station (edge-agent pin).")
@click.option("--pin", "digits", prompt="PIN", hide_input=True, help="The supervisor's PIN; asked for if left out.")
@why_option
@json_option
def promote(home: Path, name: str, digits: str, why: str, as_json: bool) -> None:
    """Let the machine decide one step more, where the evidence allows it.

    Example: edge-agent automation promote --name Anna --why "four weeks of audits" --home /var/lib/station
    """
    from edge_agent.automation.steps import promote as go_up
    from edge_agent.clock import SYSTEM
    from edge_agent.home import Home
    from edge_agent.station.pinbook import supervisor

    place = Home(home.absolute())
    config, who = _settings(place), supervisor(place.root, name, digits)
    with _journal(place) as (database, boot):
        change = go_up(database, boot, _bundle(place), config, who, why, SYSTEM.wall_ms())
    _moved(as_json, change)


@automation.command("set")
@click.argument("degree", type=click.Choice(DEGREES[:-1]))
@home_option
@click.option("--name", default="command line", show_default=True, help="Who does it, for the journal.")
@why_option
@json_option
def set_degree(degree: str, home: Path, name: str, why: str, as_json: bool) -> None:
    """Let the machine decide less; a running station follows within a second.

    Example: edge-agent automation set assist --why "new lamp" --home /var/lib/station
    """
    from edge_agent.automation.steps import lower_to
    from edge_agent.clock import SYSTEM
    from edge_agent.contracts.verdict import Automation
    from edge_agent.home import Home

    place = Home(home.absolute())
    with _journal(place) as (database, boot):
        change = lower_to(database, boot, Automation(degree), name[:60], why, SYSTEM.wall_ms())
    _moved(as_json, change)


def _moved(as_json: bool, change: Any) -> None:
    shown = {"before": change.before.value, "after": change.after.value, "who": change.who, "why": change.why}
    report(as_json, shown, lambda: click.echo(f"{change.before.value} -> {change.after.value}"))


def _say(plain: dict[str, Any]) -> None:
    lowered = f" (lowered by the station: {plain['why']})" if plain["demoted"] else ""
    click.echo(f"degree: {plain['degree']}{lowered}")
    for rate in plain["rates"]:
        share = "-" if rate["share"] is None else f"{rate['share']:.2%}"
        mark = "ok  " if rate["met"] else "over"
        counts = f"{rate['events']} of {rate['trials']}"
        click.echo(f"{mark} {rate['name']}: {counts} = {share}, at most {rate['bound']:.2%}; limit {rate['limit']:.2%}")
    if plain["next"]:
        click.echo(f"next: {plain['next']}, {'allowed' if plain['allowed'] else 'not yet'}")
    for words in plain["missing"]:
        click.echo(f"  {words}")


def _settings(place: Any) -> Any:
    from edge_agent.config import StationConfig, load_config

    return (load_config(place.config) if place.config.exists() else StationConfig()).promotion


def _bundle(place: Any) -> str | None:
    from edge_agent.install.slots import read_slots

    return read_slots(place.root).active


def _journal(place: Any) -> Any:
    from edge_agent.journal.beside import journal_beside

    return journal_beside(place.journal)
