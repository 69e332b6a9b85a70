"""`--runner` and `--beam-option`: where Beam computes, as settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import click

from edge_agent.contracts.errors import ConfigError

_RUNNERS = ("direct", "flink", "spark", "dataflow")


def beam_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the parameters `runner` and `beam_settings`."""
    chosen = click.option("--runner", type=click.Choice(_RUNNERS), help="Where Beam computes; in memory unless given.")
    more = click.option(
        "--beam-option", "beam_settings", multiple=True, metavar="KEY=VALUE", help="An option of Beam's own."
    )
    return chosen(more(command))


def beam_assignments(runner: str | None, options: Sequence[str]) -> tuple[str, ...]:
    """Return the settings that the options say. Raises ConfigError for an option that is no KEY=VALUE."""
    import yaml

    found: dict[str, Any] = {}
    for text in options:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise ConfigError(f"--beam-option {text}: expected KEY=VALUE, such as direct_num_workers=2")
        found[key] = yaml.safe_load(value) if value else ""
    made = (f"beam.options={json.dumps(found)}",) if found else ()
    return ((f"beam.runner={runner}",) if runner else ()) + made
