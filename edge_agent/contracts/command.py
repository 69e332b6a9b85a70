"""What the four commands share: one-line errors, exit codes, `--debug`, and `--json` for machines."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

import click

from edge_agent.contracts.errors import LinesideError

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object as the last line, for machines."
)
"""Decorator that gives a command the parameter `as_json`."""


class Command(click.Group):
    """A click group whose errors are one line on standard error and whose exit code says what kind they are."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.append(click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."))
        self.context_settings.setdefault("help_option_names", ["-h", "--help"])

    def invoke(self, ctx: click.Context) -> Any:
        debug = bool(ctx.params.pop("debug", False))
        try:
            return super().invoke(ctx)
        except LinesideError as error:
            if debug:
                traceback.print_exc()
            one_line = " ".join(str(error).split())
            click.echo(f"{ctx.info_name}: {one_line}", err=True)
            sys.exit(error.exit_code)
        except BrokenPipeError:
            sys.exit(141)


def report(as_json: bool, result: dict[str, Any], human: Callable[[], None] | None = None) -> None:
    """Print `result` as one JSON line when `as_json`, else call `human` (or print key: value lines)."""
    if as_json:
        click.echo(json.dumps(result, sort_keys=True, default=str))
    elif human is not None:
        human()
    else:
        for key, value in result.items():
            click.echo(f"{key}: {value}")
