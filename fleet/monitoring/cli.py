"""`fleet drift` and `fleet tickets`: what monitoring found, and what a person decides about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.contracts.command import Command, json_option, report
from fleet.home import Home, default_home

if TYPE_CHECKING:
    from fleet.client import Client

home_option = click.option(
    "--home", type=click.Path(path_type=Path), default=default_home, help="The fleet's folder.", show_default=False
)
note_option = click.option("--note", default="", help="A reason, kept with the ticket.")


def _client(home: Path) -> Client:
    from fleet.client import Client

    return Client.of(Home(home))


@click.command(epilog="Example: fleet drift --json")
@home_option
@json_option
def drift(home: Path, as_json: bool) -> None:
    """Show where production has moved away from training, and why.

    Prints one finding per site and model, with its cause, effect sizes and evidence.
    """
    found = _client(home).get("/api/v1/drift")

    def human() -> None:
        from rich.console import Console

        console = Console()
        if not found["findings"]:
            console.print("Production looks like training everywhere.")
        else:
            console.print(_findings_table(found["findings"]))
        tested = found["windows"].get("tested", 0)
        console.print(
            f"{tested} windows tested in {found['streams']} streams; at most {found['budget']['alarms']:g} false alarm"
            f" is expected in {found['budget']['horizon']} windows of each"
        )

    report(as_json, found, human)


def _findings_table(findings: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table("site", "state", "cause", "what", "features (deviations)", "parts", "ticket", box=None)
    for one in findings:
        moved = ", ".join(f"{f['name']} {f['shift']:+.1f}" for f in one["features"][:3])
        row = (one["site"], one["state"], one["cause"], one["text"], moved, str(one["parts"]), one["ticket"] or "-")
        table.add_row(*row)
    return table


@click.group(cls=Command, epilog="Example: fleet tickets approve t-0001 --note 'new lamp, it stays'")
def tickets() -> None:
    """List, show, approve and dismiss retrain tickets."""


@tickets.command("list", epilog="Example: fleet tickets list --state open")
@click.option("--state", default=None, help="One state, or 'live' for all that wait for something.")
@home_option
@json_option
def list_tickets(state: str | None, home: Path, as_json: bool) -> None:
    """List retrain tickets, newest first."""
    rows = _client(home).get("/api/v1/tickets", state=state)

    def human() -> None:
        from rich.console import Console
        from rich.table import Table

        table = Table("ticket", "state", "cause", "model", "sites", "what", box=None)
        for row in rows:
            model = f"{row['model']}@{row['version']}"
            what = row["evidence"].get("text", "")
            table.add_row(row["id"], row["state"], row["cause"], model, ", ".join(row["sites"]), what)
        Console().print(table if rows else "No tickets.")

    report(as_json, {"tickets": rows}, human)


@tickets.command(epilog="Example: fleet tickets show t-0001")
@click.argument("ticket")
@home_option
@json_option
def show(ticket: str, home: Path, as_json: bool) -> None:
    """Show one ticket with its evidence."""
    _report_ticket(_client(home).get(f"/api/v1/tickets/{ticket}"), as_json)


def _mover(action: str, text: str, example: str) -> Callable[..., None]:
    @tickets.command(action, help=text, epilog=f"Example: fleet tickets {action} {example}")
    @click.argument("ticket")
    @note_option
    @home_option
    @json_option
    def move(ticket: str, note: str, home: Path, as_json: bool) -> None:
        body = {"note": note} if note else {}
        _report_ticket(_client(home).post(f"/api/v1/tickets/{ticket}/{action}", body), as_json)

    return move


_mover("approve", "Say that what changed stays, so that a model may learn it.", "t-0001 --note 'new lamp'")
_mover("dismiss", "Close a ticket without training, as when the lamp was repaired.", "t-0001 --note 'lamp replaced'")


def _report_ticket(ticket: dict[str, Any], as_json: bool) -> None:
    def human() -> None:
        evidence = ticket["evidence"]
        click.echo(f"{ticket['id']}  {ticket['state']}  {ticket['cause']}  {ticket['model']}@{ticket['version']}")
        click.echo(f"{evidence.get('text', '')}; sites {', '.join(ticket['sites'])}")
        click.echo(f"{evidence.get('windows', 0)} windows, {evidence.get('parts', 0)} parts")
        if ticket["state"] == "open" and ticket["needs_approval"]:
            click.echo("Repair camera and lamp and dismiss it; or, if it stays so, approve it to train on it.")

    report(as_json, ticket, human)
