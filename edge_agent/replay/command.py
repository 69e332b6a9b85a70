"""`edge-agent replay`: recorded parts against a bundle, and what it would change."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.contracts.command import json_option, report
from edge_agent.contracts.verdict import Automation

if TYPE_CHECKING:
    from edge_agent.replay.comparison import Word
    from edge_agent.replay.page import Names
    from edge_agent.replay.run import Replay
    from edge_agent.replay.scope import Scope

_file = click.Path(path_type=Path, dir_okay=False)
_folder = click.Path(path_type=Path, file_okay=False)
_DEGREES = tuple(degree.value for degree in Automation)
_LISTED = 20
_TRUTH = {None: "", True: " (defective)", False: " (good)"}


@click.command(
    epilog="Example: edge-agent replay --bundle ./new --home /var/lib/station --csv changes.csv --html changes.html"
)
@click.option("--bundle", type=_folder, required=True, help="The bundle to try.")
@click.option("--home", type=_folder, help="Parts whose pictures a station's ring holds, against its journal.")
@click.option("--source", default="", help="A folder of pictures, or any source's URL.")
@click.option("--against", type=_folder, help="Compare with this bundle, judged anew as well.")
@click.option("--from", "start", default="", metavar="T", help="With --home: parts from then on (RFC 3339 or HH:MM).")
@click.option("--to", "end", default="", metavar="T", help="With --home: parts until then.")
@click.option("--out", type=_file, help="Write one CSV line per picture.")
@click.option("--csv", "lines", type=_file, help="Write one CSV line per part: before, after, truth.")
@click.option("--html", type=_file, help="Write a page with pictures and both heatmaps, in one file.")
@click.option(
    "--pictures", type=click.IntRange(0, 1000), default=60, show_default=True, help="Changed parts shown on the page."
)
@click.option(
    "--automation", type=click.Choice(_DEGREES), help="Degree of automation. [the station's, or the recipe's]"
)
@click.option("--device-class", default="", help="Which variant of the bundles to run. [the station's, or generic]")
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="Threads of the runtime.")
@json_option
def replay(out: Path | None, lines: Path | None, html: Path | None, pictures: int, as_json: bool, **given: Any) -> None:
    """Judge recorded parts exactly as the station would, and say which verdicts change.

    With --home the verdicts before are the journal's and people's answers are the truth; with --source they are those
    of --against, and the column label of the folder's labels.csv is the truth.
    """
    from edge_agent.replay.page import page
    from edge_agent.replay.scope import Wish, opened, save, written

    with ExitStack() as stack:
        scope = stack.enter_context(opened(Wish(**given), pictures if html is not None else 0))
        heard = stack.enter_context(written(out, lines))
        scope.replay.run(scope.parts, heard)
    if html is not None:
        save(html, page(scope.replay, scope.names, scope.place))
    report(as_json, _values(scope), lambda: click.echo("\n".join(_words(scope.replay, scope.names, scope.lost))))


def _values(scope: Scope) -> dict[str, Any]:
    from dataclasses import asdict

    replay, found = scope.replay, scope.replay.comparison
    return {
        "images": len(replay.latencies_ms),
        "parts": found.parts,
        "p50_ms": replay.p50_ms,
        "without_picture": scope.lost,
        "before": scope.names.before,
        "after": scope.names.after,
        "verdicts": dict(found.verdicts),
        "compared": found.compared,
        "moves": [{"before": b, "after": a, "parts": n} for (b, a), n in sorted(found.moves.items())],
        "agreement": found.agreement,
        "mistakes": {"before": asdict(found.before), "after": asdict(found.after)},
        "changed": [asdict(pair) for pair in replay.changed],
    }


def _words(replay: Replay, names: Names, lost: int) -> list[str]:
    from edge_agent.replay.comparison import VERDICTS

    found = replay.comparison
    said = [f"{found.parts} parts with {names.after}, median {replay.p50_ms} ms per picture"]
    if lost:
        said.append(f"{lost} more parts have no picture on this device any more")
    if not found.compared:
        said.append(", ".join(f"{verdict} {found.verdicts[verdict]}" for verdict in VERDICTS))
        return said + _mistakes(replay)
    said.append(f"before ({names.before}) down, after across")
    said.append(f"{'':8}" + "".join(f"{after:>9}" for after in VERDICTS))
    said += [f"{before:8}" + "".join(f"{found.moves[before, after]:9}" for after in VERDICTS) for before in VERDICTS]
    said.append(f"same verdict: {(found.agreement or 0.0):.1%} ({found.compared - found.changed} of {found.compared})")
    return said + _mistakes(replay) + _changes(replay)


def _mistakes(replay: Replay) -> list[str]:
    before, after = replay.comparison.before, replay.comparison.after
    if not after.defective + after.good:
        return ["escapes and overkill: not known, no part has a label or a person's answer"]
    return [
        f"truth known of {after.defective} defective and {after.good} good parts",
        f"escapes {_arrow(replay, before.escapes, after.escapes)}, "
        f"overkill {_arrow(replay, before.overkill, after.overkill)}, "
        f"asked {_arrow(replay, before.asked, after.asked)}",
    ]


def _arrow(replay: Replay, before: int, after: int) -> str:
    return f"{before} -> {after}" if replay.comparison.compared else str(after)


def _changes(replay: Replay) -> list[str]:
    farthest = sorted(replay.changed, key=lambda pair: (-pair.moved, pair.number))[:_LISTED]
    said = [f"  {pair.name}: {_said(pair.before)} -> {_said(pair.after)}{_TRUTH[pair.defective]}" for pair in farthest]
    more = len(replay.changed) - len(said)
    return said + ([f"  and {more} more; --csv FILE writes all"] if more > 0 else [])


def _said(word: Word | None) -> str:
    return "-" if word is None else f"{word.verdict} {'-' if word.score is None else format(word.score, '.3f')}"
