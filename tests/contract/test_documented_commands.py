"""Every command that a page of the documentation tells people to type is one that exists, options included."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {"trainer": "trainer", "converter": "converter", "fleet": "fleet", "edge-agent": "edge_agent"}
WRITTEN_BY_HAND = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if path.name not in ("cli.md", "CHANGELOG.md", "benchmarks.md")
]


def typed(text: str) -> Iterator[list[str]]:
    """Yield the words of each of our commands in the page's blocks and in its running text."""
    for span in re.findall(rf"`((?:{'|'.join(COMMANDS)}) [a-z][^`]*)`", text):
        yield from ours(span)
    for block in re.findall(r"^```(?:bash|sh|console)?\n(.*?)^```", text, re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            if re.match(rf"(\$ |\.venv/bin/)*({'|'.join(COMMANDS)}) [a-z]", line):
                yield from ours(line)


def ours(line: str) -> Iterator[list[str]]:
    """Yield our commands of one line; several may stand in it."""
    words = shlex.split(re.sub(r"^\$ ", "", line.strip()), comments=True)
    piece: list[str] = []
    for word in [*words, ";"]:
        if word not in ("&&", "||", "|", "&", ";", ">", "2>"):
            piece.append(word)
            continue
        if piece and Path(piece[0]).name in COMMANDS:
            yield [Path(piece[0]).name, *piece[1:]]
        piece = []


def parse(words: list[str]) -> None:
    """Parse a command without running it. Raises click's UsageError for a command or option that does not exist."""
    command: click.Command = import_module(f"{COMMANDS[words[0]]}.cli").main
    context = click.Context(command, info_name=words[0])
    rest = words[1:]
    while isinstance(command, click.Group):
        if not rest or rest[0] in ("-h", "--help"):
            return
        if rest[0].startswith("-"):
            rest = rest[1:]
            continue
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
        context = click.Context(command, info_name=name, parent=context)
    command.make_parser(context).parse_args(list(rest))


@pytest.mark.parametrize("page", WRITTEN_BY_HAND, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_of_a_page_exist(page: Path) -> None:
    for words in typed(page.read_text(encoding="utf-8")):
        try:
            parse(words)
        except click.BadOptionUsage:
            continue  # named without its value
        except click.UsageError as error:
            pytest.fail(f"{' '.join(words)}: {error.format_message()}")


def test_pages_do_show_commands() -> None:
    shown = [words for page in WRITTEN_BY_HAND for words in typed(page.read_text(encoding="utf-8"))]
    assert len(shown) > 50
    assert {"trainer", "fleet", "edge-agent"} <= {words[0] for words in shown}


@pytest.mark.parametrize("line", ["trainer pipeline fly", "trainer pipeline run --recipes x", "fleet nothing"])
def test_a_command_that_does_not_exist_is_noticed(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse(next(ours(line)))
