"""`trainer data`: sample data, and a look at data before and after a run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.command import json_option, report
from trainer.commands.options import root_option


@click.group()
def data() -> None:
    """Make labelled sample data, and look at data.

    Example: trainer data check parts
    """


@data.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--kind",
    type=click.Choice(("pictures", "sensors")),
    default="pictures",
    show_default=True,
    help="Pictures, or sensor readings as one table.",
)
@click.option("--parts", default=120, show_default=True, help="Number of parts; of pictures 3 of 10 are defective.")
@click.option("--seed", default=1, show_default=True, help="Number of the series; the same one gives the same parts.")
@click.option("--brightness", default=1.0, show_default=True, help="Factor of the lighting; 0.6 = a darker lamp.")
@click.option("--blur", default=0.0, show_default=True, help="Defocus in pixels.")
@click.option("--first", default=0, show_default=True, help="Number of the first part of the series.")
@json_option
def sample(
    folder: Path, kind: str, parts: int, seed: int, brightness: float, blur: float, first: int, as_json: bool
) -> None:
    """Make sample data in DIR: camera-like pictures of machined surfaces with defects, masks and labels.csv.

    With --kind sensors it is readings.csv instead: what the sensors of turning machines saw of each part.

    Example: trainer data sample parts --parts 120 --seed 7
    """
    if kind == "sensors":
        _sensors(folder, parts, seed, first, brightness != 1.0 or blur != 0.0, as_json)
        return
    from trainer.samples.generate import generate_samples

    counts = generate_samples(folder, parts, seed, brightness, blur, first=first)
    report(
        as_json,
        {"parts": counts.parts, "images": counts.images},
        lambda: click.echo(f"{counts.images} pictures of {counts.parts} parts are in {folder}"),
    )


def _sensors(folder: Path, parts: int, seed: int, first: int, pictured: bool, as_json: bool) -> None:
    from edge_agent.contracts.errors import ConfigError, Unavailable
    from trainer.samples.sensors import write_sensors

    if pictured:
        raise ConfigError("--brightness and --blur are for pictures; leave them out for sensors")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"{folder}: cannot be made ({error.strerror}); name another folder") from error
    table = folder / "readings.csv"
    defective = write_sensors(table, parts, seed, first)
    found = {"parts": parts, "rows": parts, "defective": defective}
    report(as_json, found, lambda: click.echo(f"{parts} parts, {defective} of them defective, are in {table}"))


@data.command()
@click.argument("folders", metavar="FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--recipe", default="machined-surface", show_default=True, help="Recipe file, or the name of one.")
@click.option("--spans", default="latest", show_default=True, help="Where FOLDER is a pattern: which spans.")
@click.option("--max-bad", default=0.001, show_default=True, help="Share of bad records from which the exit code is 3.")
@json_option
def check(folders: tuple[Path, ...], recipe: str, spans: str, max_bad: float, as_json: bool) -> None:
    """Read every picture, or row of a table, of FOLDER as a run would, and list what is bad, unusual, or there twice.

    Example: trainer data check parts --recipe machined-surface
    """
    from trainer.data.folders import choose_folders
    from trainer.data.quarantine import What, check_bad
    from trainer.pipeline.progress import display
    from trainer.reports.check import show_check

    chosen = choose_folders(folders, spans)
    shown = display(sys.stderr)
    shown.begin("check")
    started = time.monotonic()
    try:
        found = _checked(chosen.folders, recipe, lambda text, done: shown.progress("check", text, done))
        shown.end("check", "done", time.monotonic() - started)
    finally:
        shown.close()
    report(as_json, found, lambda: show_check(found, [place.name for place in chosen.places if place]))
    what: What = "rows" if "rows" in found else "pictures"
    check_bad(found["bad"], found[what] + len(found["bad"]), max_bad, found[what], what)


def _checked(folders: Sequence[Path], recipe: str, report: Callable[[str, float | None], None]) -> dict[str, Any]:
    from trainer.data.picture_check import check_folders
    from trainer.pipeline.recipes import load

    known, settings = load(recipe, ())
    if known.task != "tabular":
        return check_folders(folders, known, report)
    from trainer.data.table_check import check_tables

    return check_tables(folders, known, settings.table.model_dump(mode="json"), report)


@data.command()
@root_option
@click.option("--run", "name", default="", help="Name of a run; the last one that has statistics unless given.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Page to write; statistics.html unless given."
)
@json_option
def statistics(root: Path, name: str, out: Path | None, as_json: bool) -> None:
    """Write the statistics of a run's data as one page that needs no network.

    Example: trainer data statistics --root work --out statistics.html
    """
    from trainer.pipeline.cache import write_atomically
    from trainer.reports.run_statistics import run_statistics

    run, page = run_statistics(root, name)
    target = out or Path("statistics.html")
    write_atomically(target, page.encode())
    found = {"run": run, "page": str(target)}
    report(as_json, found, lambda: click.echo(f"{target}: statistics of run {run}"))
