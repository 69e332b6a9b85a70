"""`edge-agent`: one inspection station."""

from __future__ import annotations

import click

from edge_agent.contracts.command import Command

LAZY = {
    "light": ("edge_agent.light:light", "Run many light stations in one process."),
    "pin": ("edge_agent.station.pins:pin", "Add or remove an operator's PIN."),
    "enrol": ("edge_agent.commands.setup:enrol", "Make this folder a station with the credentials of 'fleet enrol'."),
    "run": ("edge_agent.commands.run:run", "Inspect until stopped."),
    "status": ("edge_agent.commands.status:status", "Say what the station does right now."),
    "doctor": ("edge_agent.commands.doctor:doctor", "Look for what is wrong, and say what to do."),
    "replay": ("edge_agent.commands.replay:replay", "Judge a folder of pictures exactly as the station would."),
}


@click.group(
    cls=Command,
    lazy=LAZY,
    epilog="Example: edge-agent enrol station-1.json --home /var/lib/station && edge-agent run --home /var/lib/station",
)
def main() -> None:
    """One inspection station: pictures in, verdicts out, people asked where the model is unsure."""


if __name__ == "__main__":
    main()
