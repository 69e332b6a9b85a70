"""Options that the commands of the station share."""

from __future__ import annotations

from pathlib import Path

import click

home_option = click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), required=True, help="The station's folder."
)
"""Decorator that gives a command the parameter `home`."""
