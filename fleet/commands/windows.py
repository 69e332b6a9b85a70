"""`fleet windows`: what stations have seen, as a file for the trainer."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import click

from edge_agent.contracts.command import json_option, report
from fleet.commands.options import connect, home_option

_DAY = click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"))


@click.command(epilog="Example: fleet windows bracket --since 2026-11-01 --out seen.json")
@click.argument("model")
@click.option("--version", default="", help="Version of the model; that of its latest release unless given.")
@click.option("--site", default="", help="Only stations of this site.")
@click.option("--device", default="", help="Only this station.")
@click.option("--since", type=_DAY, help="Only windows that ended at or after this time (UTC).")
@click.option("--until", type=_DAY, help="Only windows that ended before this time (UTC).")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write; MODEL-seen.json unless given."
)
@home_option
@json_option
def windows(
    model: str,
    version: str,
    site: str,
    device: str,
    since: datetime | None,
    until: datetime | None,
    out: Path | None,
    home: Path,
    as_json: bool,
) -> None:
    """Write what stations have seen of MODEL, merged from their statistics windows, with the bins they counted on.

    `trainer pipeline run --set example_validator.serving=FILE` compares it with the training data.
    """
    from edge_agent.contracts.errors import Unavailable
    from edge_agent.contracts.seen import Seen, encode_seen

    conditions = {"version": version, "site": site, "device": device, "since_ms": _ms(since), "until_ms": _ms(until)}
    asked = {name: value for name, value in conditions.items() if value not in (None, "")}
    with closing(connect(home)) as client:
        seen = Seen.model_validate(client.get("/api/v1/windows", model=model, **asked))
    file = out or Path(f"{seen.model}-seen.json")
    try:
        file.write_bytes(encode_seen(seen))
    except OSError as error:
        raise Unavailable(f"{file}: cannot be written ({error.strerror}); name another file with --out") from error
    known = ("model", "version", "windows", "parts", "devices", "since_ms", "until_ms")
    found = {**{name: getattr(seen, name) for name in known}, "file": str(file)}
    text = (
        f"{file}: {seen.windows} windows of {seen.parts} parts at {len(seen.devices)} stations, {model} {seen.version}"
    )
    report(as_json, found, lambda: click.echo(text))


def _ms(time: datetime | None) -> int | None:
    return None if time is None else int(time.replace(tzinfo=timezone.utc).timestamp() * 1000)
