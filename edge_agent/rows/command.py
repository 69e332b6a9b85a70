"""`edge-agent predict`: the verdict on every row of a file, by a bundle for tables and the device's own runtime."""

from __future__ import annotations

import csv
import platform
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.contracts.command import json_option, report

if TYPE_CHECKING:
    from edge_agent.rows.model import RowModel, RowVerdict
    from edge_agent.rows.table import Line

_PATH = click.Path(path_type=Path)
_SAID = ("verdict", "reason", "label", "score", "error")


@click.command(epilog="Example: edge-agent predict --bundle work/pushed/turned-part/v1 rows.csv --out verdicts.csv")
@click.argument("table", type=_PATH)
@click.option("--bundle", type=_PATH, required=True, help="Folder or .lineside file of a model for tables.")
@click.option("--part", default="", help="Column of the part: its rows get one verdict. Without it each row is a part.")
@click.option("--out", type=_PATH, help="Write the rows with their verdicts to this CSV file.")
@click.option("--delimiter", default=",", show_default=True, help="What parts the cells.")
@click.option("--device-class", default=platform.machine().lower(), show_default=True, help="Whose variant runs.")
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="Threads of the runtime.")
@json_option
def predict(
    table: Path,
    bundle: Path,
    part: str,
    out: Path | None,
    delimiter: str,
    device_class: str,
    threads: int,
    as_json: bool,
) -> None:
    """Judge every row of TABLE (CSV) by the model in a bundle, and say what became of it.

    A row that cannot be read is rejected, with the reason `model-error` and what was wrong with it. Rows of one part
    are joined as the recipe says.
    """
    from edge_agent.rows.model import row_model
    from edge_agent.rows.table import read_lines

    with tempfile.TemporaryDirectory(prefix="lineside-") as work:
        model = row_model(bundle, device_class, threads, Path(work))
        groups = _parts(read_lines(table, delimiter), part)
        found = sorted((entry for group in groups for entry in _judged(model, group)), key=lambda entry: entry[0].line)
    counts = Counter(said["verdict"] for _, said in found)
    if out is not None:
        _write(out, found)
    manifest = model.manifest
    summary = {"model": f"{manifest.name} {manifest.version}", "variant": model.variant.id, "runtime": model.runtime}
    rows = [{"line": line.line, **said} for line, said in found]
    report(
        as_json, {**summary, "counts": dict(sorted(counts.items())), "rows": rows}, lambda: _show(summary, rows, out)
    )


def _parts(lines: Iterable[Line], part: str) -> Iterator[list[Line]]:
    """Yield the lines of each part, in the order in which the parts begin; what is torn stands alone."""
    from edge_agent.contracts.errors import Rejected

    groups: dict[Any, list[Line]] = {}
    for line in lines:
        if part and not line.problem and part not in line.row:
            raise Rejected(f"no column '{part}'; found {', '.join(line.row)}")
        named = str(line.row[part]).strip() if part and not line.problem else ""
        groups.setdefault(named or line.line, []).append(line)
    yield from groups.values()


def _judged(model: RowModel, group: list[Line]) -> Iterator[tuple[Line, dict[str, Any]]]:
    problem = next((line.problem for line in group if line.problem), "")
    said = model.judge([{}] if problem else [line.row for line in group])
    for line in group:
        yield line, _plain(said, problem)


def _plain(said: RowVerdict, problem: str) -> dict[str, Any]:
    return {
        "verdict": said.verdict.value,
        "reason": said.reason.value,
        "label": said.label,
        "score": None if said.score is None else round(said.score, 6),
        "probabilities": None if said.probabilities is None else [round(p, 6) for p in said.probabilities],
        "error": problem or said.error,
    }


def _write(out: Path, found: list[tuple[Line, dict[str, Any]]]) -> None:
    from edge_agent.contracts.errors import Unavailable
    from edge_agent.contracts.outfile import is_stream

    columns = list(dict.fromkeys(name for line, _ in found for name in line.row))
    own = [name for name in columns if name not in _SAID]
    stream = is_stream(out)
    unfinished = out if stream else out.with_name(f".{out.name}.part")
    try:
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["line", *own, *_SAID])
            for line, said in found:
                cells = [line.row.get(name, "") for name in own]
                writer.writerow([line.line, *cells, *("" if said[name] is None else said[name] for name in _SAID)])
        if not stream:
            unfinished.replace(out)
    except OSError as error:
        raise Unavailable(f"{out}: cannot be written ({error.strerror}); free space or name another") from error


def _show(summary: dict[str, str], rows: list[dict[str, Any]], out: Path | None) -> None:
    for row in rows if out is None else []:
        score = "" if row["score"] is None else f"{row['score']:.3f}"
        click.echo(
            f"{row['line']:>7}  {row['verdict']:<7} {row['label'] or '-':<16} {score:>6}  {row['error']}".rstrip()
        )
    counts = Counter(row["verdict"] for row in rows)
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())) or "none"
    click.echo(f"{len(rows)} rows by {summary['model']} ({summary['variant']}, {summary['runtime']}): {told}")
    if out is not None:
        click.echo(f"written to {out}")
