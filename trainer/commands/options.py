"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

root_option = click.option(
    "--root", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of all results."
)
"""Decorator that gives a command the parameter `root`."""
