"""The reference pages, written from the code: every command's help and every configuration key."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import click
from pydantic import BaseModel

from document_types import default_words, type_words

DOCS = Path(__file__).resolve().parents[1] / "docs"
COMMANDS = {
    "trainer": "trainer.cli:main",
    "converter": "converter.cli:main",
    "fleet": "fleet.cli:main",
    "edge-agent": "edge_agent.cli:main",
}
CONFIGURATION = {
    "The recipe (`inspection.yaml`)": "edge_agent.contracts.recipe:Recipe",
    "How the trainer's steps work (`pipeline:` in the recipe's file, or `--set`)": "trainer.pipeline.settings:Settings",
    "The station (`station.yaml`)": "edge_agent.config:StationConfig",
    "Drift (`monitoring.yaml` in the fleet's folder)": "fleet.monitoring.watch:MonitoringSettings",
}
HEAD = "<!-- Written by scripts/document; change the code instead. -->\n"


def load(place: str) -> Any:
    """Import `module:attribute`."""
    module, attribute = place.split(":")
    return getattr(import_module(module), attribute)


def cli_page() -> str:
    """Return docs/cli.md: the help of every command, as it prints it."""
    pieces = [HEAD, "# Commands\n"]
    for name, place in COMMANDS.items():
        pieces.append(f"\n## `{name}`\n")
        pieces += [f"\n### `{path}`\n\n```\n{text}\n```\n" for path, text in _helps(load(place), name, None)]
    return "".join(pieces)


def _helps(command: click.Command, path: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    context = click.Context(
        command, info_name=path.split()[-1], parent=parent, max_content_width=110, terminal_width=110
    )
    yield path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _helps(inner, f"{path} {name}", context)


def config_page() -> str:
    """Return docs/config.md: every key of every YAML file with its type and default."""
    pieces = [HEAD, "# Configuration\n\nAn unknown key is an error that names the nearest known one.\n"]
    for title, place in CONFIGURATION.items():
        model = load(place)
        pieces.append(f"\n## {title}\n\n{_prose(model)}\n\n| key | type | default | meaning |\n|---|---|---|---|\n")
        pieces += [f"| {' | '.join(row)} |\n" for row in _rows(model, "")]
    return "".join(pieces)


def _prose(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, field in model.model_fields.items():
        kinds = _kinds(field.annotation)
        inner = _section(field.annotation)
        if kinds:
            many = "[]" if get_origin(field.annotation) is tuple else ""
            yield from _kind_rows(kinds, f"{prefix}{name}{many}")
        elif inner is not None:
            kind = "section" if inner is field.annotation else "section, may be left out"
            yield (f"`{prefix}{name}`", kind, "", _prose(inner))
            yield from _rows(inner, f"{prefix}{name}.")
        else:
            yield (
                f"`{prefix}{name}`",
                type_words(field.annotation, field.metadata),
                default_words(field),
                " ".join((field.description or "").split()),
            )


def _kind_rows(kinds: list[type[BaseModel]], name: str) -> Iterator[tuple[str, str, str, str]]:
    """Return the rows of a section, or of each member of a list, whose keys depend on its `kind`."""
    for inner in kinds:
        words = get_args(inner.model_fields["kind"].annotation)
        yield (f"`{name}`", f"section of kind {', '.join(words)}", "", _prose(inner))
        yield from _rows(inner, f"{name}.")


def _kinds(annotation: Any) -> list[type[BaseModel]]:
    """Return the models of a union that `kind` tells apart, of `A | B` as of `tuple[A | B, ...]`; else nothing."""
    inner = annotation
    if get_origin(inner) is tuple:
        inner = get_args(inner)[0]
    if get_origin(inner) is Annotated:
        inner = get_args(inner)[0]
    models = [part for part in get_args(inner) if isinstance(part, type) and issubclass(part, BaseModel)]
    return models if len(models) > 1 else []


def _section(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a section, of `Model` as of `Model | None`."""
    for inner in (annotation, *(get_args(annotation) if type(None) in get_args(annotation) else ())):
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner
    return None


def main() -> int:
    """Write the pages, or compare them with --check."""
    behind = 0
    for page, text in (("cli.md", cli_page()), ("config.md", config_page())):
        path = DOCS / page
        if "--check" in sys.argv:
            if not path.is_file() or path.read_text() != text:
                print(f"docs/{page} is behind the code; run scripts/document")
                behind = 1
        else:
            path.write_text(text)
            print(f"docs/{page}: {len(text.splitlines())} lines")
    return behind


if __name__ == "__main__":
    sys.exit(main())
