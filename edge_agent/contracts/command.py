"""What the four commands share: one-line errors, exit codes, `--debug`, and `--json` for machines."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypeVar

import click

from edge_agent.contracts.errors import LinesideError

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object as the last line, for machines."
)
"""Decorator that gives a command the parameter `as_json`."""


class Command(click.Group):
    """A click group whose errors are one line on standard error and whose exit code says what kind they are.

    `lazy` maps a sub-command's name to ("module:attribute", short help): it is imported only when it is called, so
    that the help of all comes up fast.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]] | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.lazy = dict(lazy or {})
        self.params.append(click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."))
        self.context_settings.setdefault("help_option_names", ["-h", "--help"])

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, lazy ones included, in alphabetical order."""
        return sorted({*super().list_commands(ctx), *self.lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a sub-command, importing it if it is a lazy one."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, attribute = self.lazy[cmd_name][0].split(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of sub-commands without importing the lazy ones."""
        rows = []
        for name in self.list_commands(ctx):
            known = self.commands.get(name)
            rows.append((name, known.get_short_help_str(100) if known else self.lazy[name][1]))
        with formatter.section("Commands"):
            formatter.write_dl(rows)

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
