"""`edge-agent switch-back`: the model before judges again, by the word of somebody at the station."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.contracts.command import json_option, report
from edge_agent.options import home_option

if TYPE_CHECKING:
    from edge_agent.home import Home

_ANSWER_S = 10.0
_LOOK_S = 0.02
_FROM = ("PROBATION", "COMMITTED")


@click.command("switch-back", epilog='Example: edge-agent switch-back --why "too many rejects" --home /var/lib/station')
@home_option
@click.option("--name", default="command line", show_default=True, help="Who does it, for the journal.")
@click.option("--why", required=True, help="Reason, kept in the journal and told to the fleet.")
@json_option
def switch_back(home: Path, name: str, why: str, as_json: bool) -> None:
    """Let the model before judge again, from the next part on, until the next update.

    After 'fleet rollout --strategy blue-green' it is held in memory, and the switch takes a second at most; else it may
    have to be loaded first. The fleet is told, and may offer the newer model again.
    """
    from edge_agent.home import Home

    place = Home(home.absolute())
    after, before = _models(place)
    seconds = _switched(place, after, before, name[:60], why[:200])
    shown = {"before": after, "bundle": before, "seconds": round(seconds, 3)}
    report(as_json, shown, lambda: click.echo(f"{after[:12]} -> {before[:12]} after {seconds:.2f} s"))


def _models(home: Home) -> tuple[str, str]:
    """Return the bundle in use and the one before it. Raises Rejected or Unavailable where there is no way back."""
    from edge_agent.contracts.errors import Rejected, Unavailable
    from edge_agent.install.slots import read_slots
    from edge_agent.status import station_status

    status, slots = station_status(home), read_slots(home.root)
    if status["state"] != "running":
        raise Unavailable(f"{home.root}: the station is {status['state']}; start it, then switch back")
    before = slots.champion_against(slots.active) if slots.active else None
    if slots.active is None or before is None:
        raise Rejected("there is no model before the one in use; the fleet can roll out another one")
    state, updated = _last_update(home)
    if state not in _FROM or updated != slots.active:
        found = f"the last update, of {updated[:12]}, is {state}" if updated else "no update came from the fleet"
        raise Rejected(f"{found}; the way back is open from probation on until the next update; ask for a rollout")
    return slots.active, before


def _last_update(home: Home) -> tuple[str, str]:
    """Return the state of the last update and its bundle."""
    from edge_agent.journal.reader import read_journal

    with read_journal(home.journal) as reader:
        row = reader.row("read_installation")
    return (str(row[0]), str(row[4] or "")) if row is not None else ("", "")


def _switched(home: Home, after: str, before: str, who: str, why: str) -> float:
    """Ask the running station, and return the seconds until the model before judges."""
    import json
    import time

    from edge_agent.contracts.errors import Unavailable
    from edge_agent.install.record import SWITCH_BACK
    from edge_agent.journal.beside import journal_beside
    from edge_agent.status import station_status

    with journal_beside(home.journal) as (database, _):
        asked = time.monotonic()
        with database.transaction():
            database.run("set_meta", key=SWITCH_BACK, value=json.dumps({"bundle": after, "who": who, "why": why}))
        while time.monotonic() - asked < _ANSWER_S:
            if station_status(home)["bundle"] == before:
                return time.monotonic() - asked
            time.sleep(_LOOK_S)
        with database.transaction():
            database.run("drop_meta", key=SWITCH_BACK)
    raise Unavailable(f"no answer within {_ANSWER_S:g} s, so nothing is asked any more; see 'edge-agent status'")
