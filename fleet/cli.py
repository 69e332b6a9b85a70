"""The command `fleet`. Each sub-command is imported when it is called, so that help comes up at once."""

from __future__ import annotations

import click

from edge_agent.contracts.command import Command

_COMMANDS = {
    "init": ("fleet.commands.serve:init", "Create a fleet: keys, registry, database, admin token."),
    "serve": ("fleet.commands.serve:serve", "Run broker, ingest, registry, API and dashboard."),
    "broker-files": ("fleet.commands.serve:broker_files", "Write configuration and accounts for Mosquitto."),
    "publish": ("fleet.commands.models:publish", "Sign a bundle and put it into the registry."),
    "models": ("fleet.commands.models:models", "List the releases in the registry."),
    "enrol": ("fleet.commands.devices:enrol", "Enrol a device and write its credentials file."),
    "revoke": ("fleet.commands.devices:revoke", "Shut a device out."),
    "devices": ("fleet.commands.devices:devices", "List the devices, or show one."),
    "rollout": ("fleet.commands.rollouts:rollout", "Bring a version to the devices, canary first."),
    "rollouts": ("fleet.commands.rollouts:rollouts", "Follow and steer rollouts."),
    "alerts": ("fleet.commands.alerts:alerts", "Show and close what a person should look at."),
    "drift": ("fleet.monitoring.cli:drift", "Show what has drifted, and why."),
    "windows": ("fleet.commands.windows:windows", "Write what stations have seen of a model, for the trainer."),
    "tickets": ("fleet.monitoring.cli:tickets", "Show and handle retrain tickets."),
    "simulate": ("fleet.simulate.cli:simulate", "Run simulated devices."),
}


@click.group(cls=Command, lazy=_COMMANDS, epilog="Example: fleet init ~/fleet && fleet serve --home ~/fleet")
def main() -> None:
    """Registry, rollouts, ingest and monitoring for a fleet of inspection stations."""


if __name__ == "__main__":
    main()
