"""The `converter` command. Heavy imports happen inside the commands' modules, so that help comes up fast."""

from __future__ import annotations

import click

from edge_agent.contracts.command import Command

_LAZY = {
    "convert": ("converter.commands:convert_command", "Convert a trained model into a bundle of measured variants."),
    "inspect": ("converter.commands:inspect_command", "Show what a bundle holds and check its hashes."),
    "verify": ("converter.commands:verify_command", "Check every hash, run every variant, compare golden answers."),
}


@click.group(cls=Command, lazy=_LAZY)
def main() -> None:
    """Convert trained models into signed-off bundles that inspection stations run.

    \b
    Example:
      converter convert model.keras --recipe r.yaml --calibration train/ --test held-out/ --out out/
    """
