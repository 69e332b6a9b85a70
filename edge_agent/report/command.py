"""`edge-agent report` and `edge-agent trace`: the journal for people and machines, whether the station runs or not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.contracts.command import json_option
from edge_agent.contracts.command import report as tell
from edge_agent.options import home_option

if TYPE_CHECKING:
    from edge_agent.home import Home
    from edge_agent.journal.reader import Reader
    from edge_agent.report.numbers import Numbers
    from edge_agent.report.page import Place
    from edge_agent.report.period import Period

_file = click.Path(path_type=Path, dir_okay=False)


@click.command(epilog="Example: edge-agent report --home /var/lib/station --shift early --html early.html")
@home_option
@click.option("--from", "start", default="", metavar="T", help="From then on: RFC 3339, or HH:MM of today. [00:00]")
@click.option("--to", "end", default="", metavar="T", help="Until then, in the same form. [now]")
@click.option(
    "--shift",
    default="",
    metavar="NAME",
    help="This shift of station.yaml: the one that is running, else the last one that has ended.",
)
@click.option("--html", type=_file, help="Write the report as one page that needs no other file.")
@click.option("--csv", "lines", type=_file, help="Write one line per finished part.")
@json_option
def report(home: Path, start: str, end: str, shift: str, html: Path | None, lines: Path | None, as_json: bool) -> None:
    """Say what was made: counts, yield, rejects, people's decisions, downtime; without times: today.

    A part belongs to the time in which it came. Times without an offset are local.
    """
    from edge_agent.clock import SYSTEM
    from edge_agent.home import Home
    from edge_agent.journal.reader import read_journal
    from edge_agent.report.period import Wish, chosen
    from edge_agent.report.reading import read_numbers, station_shifts
    from edge_agent.report.words import report_lines

    place = Home(home.absolute())
    period = chosen(Wish(start, end, shift), station_shifts(place), SYSTEM.wall_ms())
    with read_journal(place.journal) as reader:
        numbers = read_numbers(reader, period)
        if lines is not None:
            _write_lines(lines, reader, period)
    names = _names(place, numbers)
    if html is not None:
        _write_page(html, place, numbers, names)
    tell(as_json, as_values(numbers, names), lambda: click.echo("\n".join(report_lines(numbers, names))))


@click.command(epilog="Example: edge-agent trace SN-00042 --home /var/lib/station --json")
@click.argument("serial")
@home_option
@json_option
def trace(serial: str, home: Path, as_json: bool) -> None:
    """Say what came of the parts whose serial is SERIAL or begins with it: at most 50, the newest first."""
    from dataclasses import asdict

    from edge_agent.contracts.errors import Rejected
    from edge_agent.home import Home
    from edge_agent.journal.reader import read_journal
    from edge_agent.report.trace import find_parts, trace_part
    from edge_agent.report.words import trace_lines
    from edge_agent.station.models import Bundles

    place = Home(home.absolute())
    bundles = Bundles(place)
    with read_journal(place.journal) as reader:
        traced = (trace_part(reader, place, bundles, hit.part) for hit in find_parts(reader, serial))
        found = [part for part in traced if part is not None]
    if not found:
        raise Rejected(f"no part has the serial '{serial}', and none begins with it; look at the label again")
    tell(
        as_json,
        {"serial": serial, "parts": [asdict(part) for part in found]},
        lambda: click.echo("\n\n".join("\n".join(trace_lines(part)) for part in found)),
    )


def as_values(numbers: Numbers, names: dict[str, str]) -> dict[str, Any]:
    """Return the report as plain values: shares 0..1, times RFC 3339 in UTC, lengths of time in seconds."""
    from dataclasses import asdict

    from edge_agent.report.period import rfc3339

    period, down = numbers.period, numbers.downtime
    return {
        "from": rfc3339(period.from_ms),
        "to": rfc3339(period.to_ms),
        "shift": period.shift,
        "parts": numbers.parts,
        "finished": numbers.finished,
        "accepted": numbers.accepted,
        "rejected": numbers.rejected,
        "waiting": numbers.waiting,
        "yield": numbers.yielded,
        "reviewed": numbers.reviewed,
        "review_share": numbers.review_share,
        "timeouts": numbers.timeouts,
        "reasons": dict(numbers.reasons.most_common()),
        "details": dict(numbers.details.most_common()),
        "defects": dict(numbers.defects.most_common()),
        "decided_by_people": numbers.decided,
        "overrides": numbers.overrides,
        "agreement": numbers.agreement,
        "hit_rate": numbers.hit_rate,
        "operators": [asdict(p) | {"decided": p.decided, "overrides": p.overrides} for p in numbers.operators],
        "latency_p50_ms": numbers.latency_p50_ms,
        "latency_p99_ms": numbers.latency_p99_ms,
        "downtime": None
        if down is None
        else {
            "since": rfc3339(down.since_ms),
            "ready_s": down.ready_ms / 1000,
            "not_ready_s": down.not_ready_ms / 1000,
            "stopped_s": down.stopped_ms / 1000,
            "down_s": down.down_ms / 1000,
            "availability": down.availability,
            "reasons": {why: lasted / 1000 for why, lasted in down.reasons},
        },
        "models": [
            {
                "bundle": model.bundle,
                "model": names[model.bundle],
                "parts": model.parts,
                "accepted": model.accepted,
                "rejected": model.rejected,
                "first": rfc3339(model.first_ms),
                "last": rfc3339(model.last_ms),
            }
            for model in numbers.models
        ],
        "canary": [shared._asdict() | {"model": names[shared.bundle]} for shared in numbers.shared],
        "bar_s": numbers.step_ms // 1000,
        "bars": [
            {"start": rfc3339(b.start_ms), "accepted": b.accepted, "rejected": b.rejected, "waiting": b.waiting}
            for b in numbers.bars
        ],
    }


def _write_lines(path: Path, reader: Reader, period: Period) -> None:
    from edge_agent.contracts.errors import ConfigError
    from edge_agent.report.lines import csv_lines
    from edge_agent.report.reading import finished_parts

    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(csv_lines(finished_parts(reader, period)))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); give another file") from error


def _write_page(path: Path, home: Home, numbers: Numbers, names: dict[str, str]) -> None:
    from edge_agent.contracts.errors import ConfigError
    from edge_agent.report.page import report_file

    try:
        path.write_text(report_file(numbers, _place(home), names), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); give another file") from error


def _place(home: Home) -> Place:
    import os

    from edge_agent.config import load_config
    from edge_agent.report.names import names_in
    from edge_agent.report.page import Place
    from edge_agent.station.view import station_place

    known = station_place(home)
    where = " · ".join(part for part in (known["site"], known["line"]) if part)
    spoken = os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    language = "de" if spoken.startswith("de") else "en"
    names = load_config(home.config).ui.labels if home.config.exists() else {}
    return Place(known["device"], where, language, labels=names_in(language, names))


def _names(home: Home, numbers: Numbers) -> dict[str, str]:
    from edge_agent.report.trace import model_name
    from edge_agent.station.models import Bundles

    bundles = Bundles(home)
    return {bundle: model_name(bundles, bundle) for bundle in numbers.bundles}
