"""`trainer schema`: what the data must look like, seen and reviewed by people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.command import json_option, report
from trainer.commands.options import root_option
from trainer.validation.anomaly_lines import in_root


@click.group()
def schema() -> None:
    """See the data's schema, compare it with the data, and accept what is new.

    Example: trainer schema accept --root work --feature label --value dent
    """


@schema.command()
@root_option
@json_option
def show(root: Path, as_json: bool) -> None:
    """Show the schema that counts: the reviewed one, else that of the last run.

    Example: trainer schema show --root work
    """
    from trainer.reports.schema import show_schema
    from trainer.validation.reviewed import current, last_run
    from trainer.validation.schema_changes import rows

    last = last_run(root)
    found = rows(current(last))
    where = str(last.file) if last.file.is_file() else f"inferred by run {last.run}"
    report(as_json, {"schema": where, "features": found}, lambda: show_schema(found, where))


@schema.command()
@root_option
@json_option
def diff(root: Path, as_json: bool) -> None:
    """Show what the last run's data has that its schema does not, and what was reviewed since.

    Example: trainer schema diff --root work
    """
    from trainer.validation.reviewed import current, last_run
    from trainer.validation.schema_changes import differences

    last = last_run(root)
    data = [in_root(line, root) for line in (*last.blocking, *last.warnings)]
    since = differences(last.schema, current(last))

    def say() -> None:
        for title, lines in ((f"data of run {last.run}", data), ("reviewed since", since)):
            click.echo(f"{title}: {'nothing' if not lines else ''}".rstrip())
            for line in lines:
                click.echo(f"  {line}")

    report(as_json, {"run": last.run, "data": data, "reviewed": since}, say)


@schema.command()
@root_option
@click.option("--feature", required=True, help="The feature that changes.")
@click.option("--value", "values", multiple=True, help="Accept this value of a text.")
@click.option("--optional", is_flag=True, help="Records may lack it.")
@click.option("--gone", is_flag=True, help="Records lack it from now on; a schema without it counts as reviewed.")
@click.option("--min", "low", type=float, help="Accept numbers from here on.")
@click.option("--max", "high", type=float, help="Accept numbers up to here.")
@click.option("--drift", type=click.FloatRange(0), help="Accept this distance to the data before.")
@click.option("--skew", type=click.FloatRange(0), help="Accept this distance to production.")
@click.option(
    "--new", type=click.Choice(["string", "int", "float"]), help="Add it: the data has it, records may lack it."
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write; the reviewed one unless given."
)
@json_option
def accept(root: Path, feature: str, out: Path | None, as_json: bool, **wanted: Any) -> None:
    """Write the reviewed schema with a change; the next run in this root uses it instead of inferring one.

    Example: trainer schema accept --root work --feature label --value dent
    """
    from edge_agent.contracts.errors import ConfigError
    from trainer.validation.reviewed import current, last_run, write

    if all(value is None or value is False or value == () for value in wanted.values()):
        raise ConfigError("nothing to accept; give --value, --optional, --gone, --min, --max, --drift, --skew or --new")
    last = last_run(root)
    found = current(last)
    changes = _changes(found, feature, **wanted)
    file = out or last.file
    write(found, file)
    text = "; ".join(changes) or f"{feature}: the schema says so already"
    report(
        as_json,
        {"schema": str(file), "changes": changes},
        lambda: click.echo(f"{text}; written to {file}"),
    )


def _changes(
    schema: Any,
    feature: str,
    values: tuple[str, ...],
    optional: bool,
    gone: bool,
    low: float | None,
    high: float | None,
    drift: float | None,
    skew: float | None,
    new: str | None,
) -> list[str]:
    from trainer.validation import schema_changes

    found: list[str] = []
    if new:
        found += schema_changes.accept_new(schema, feature, new)
    if values:
        found += schema_changes.accept_values(schema, feature, values)
    if gone:
        found += schema_changes.accept_gone(schema, feature)
    if optional:
        found += schema_changes.accept_missing(schema, feature)
    if low is not None or high is not None:
        found += schema_changes.accept_range(schema, feature, low, high)
    for against, limit in (("drift", drift), ("skew", skew)):
        if limit is not None:
            found += schema_changes.accept_distance(schema, feature, against, limit)
    return found
