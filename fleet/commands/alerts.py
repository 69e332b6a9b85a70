"""`fleet alerts`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.command import json_option, report
from edge_agent.contracts.errors import Rejected
from fleet.commands.options import ago, connect, home_option, plain, table


@click.command(epilog="Example: fleet alerts close 3")
@click.argument("action", required=False, type=click.Choice(["close"]))
@click.argument("alert", required=False, type=int, metavar="[ID]")
@home_option
@json_option
def alerts(action: str | None, alert: int | None, home: Path, as_json: bool) -> None:
    """List the open alerts, what happened last first; or close the one with ID.

    A closed alert opens again when the same thing happens again.
    """
    if action is None:
        _list(connect(home).get("/api/v1/alerts"), as_json)
    elif alert is None:
        raise Rejected("which alert? say 'fleet alerts close ID'; 'fleet alerts' lists the open ones")
    else:
        closed = connect(home).post(f"/api/v1/alerts/{alert}/close")
        report(as_json, closed, lambda: click.echo(f"Closed: {closed['kind']} of {plain(closed['subject'])}"))


def _list(listed: list[dict[str, Any]], as_json: bool) -> None:
    def human() -> None:
        now = time.time()
        rows = [(a["id"], a["kind"], a["subject"], a["times"], ago(now, a["last_ms"]), a["text"]) for a in listed]
        table(("alert", "kind", "subject", "times", "last", "what"), rows, "No open alerts.")

    report(as_json, {"alerts": listed}, human)
