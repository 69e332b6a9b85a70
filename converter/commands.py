"""The commands: options in, one call of the rules, a table for people or one JSON line for machines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.contracts.command import json_option, report
from edge_agent.contracts.errors import Rejected

if TYPE_CHECKING:
    from rich.console import Console

    from converter.convert import Conversion, Options
    from edge_agent.contracts.bundle import Manifest

INCOMPLETE = 3
_WIDE = 160
_PATH = click.Path(path_type=Path)
_EXISTING = click.Path(path_type=Path, exists=False)


@click.command("convert")
@click.argument("model", type=_EXISTING)
@click.option("--recipe", type=_EXISTING, required=True, help="The product's recipe (YAML).")
@click.option("--calibration", type=_EXISTING, required=True, help="Training pictures, to quantise with.")
@click.option("--test", type=_EXISTING, required=True, help="Held-out pictures with labels.csv, to measure with.")
@click.option("--out", type=_PATH, required=True, help="Folder for the bundle, the archive and nothing else.")
@click.option("--variants", default="float32,float16,dynamic,int8,int16x8", show_default=True, help="TFLite variants.")
@click.option("--tfjs", is_flag=True, help="Also TF.js, for browsers.")
@click.option("--onnx", is_flag=True, help="Also ONNX, for other runtimes.")
@click.option("--name", help="Model name; the recipe's by default.")
@click.option("--version", default="v1", show_default=True, help="Version of the model.")
@click.option("--release", type=click.IntRange(min=1), default=1, show_default=True, help="Rising release number.")
@click.option("--target", default="tflite-runtime-2.14", show_default=True, help="Oldest runtime that must run it.")
@click.option("--device-class", help="Device class that the measurements stand for; this machine's by default.")
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="Threads of the runtime.")
@click.option("--force", is_flag=True, help="Quantise with few pictures or a missing class; recorded in the card.")
@json_option
def convert_command(as_json: bool, **given: Any) -> None:
    """Convert MODEL (.keras file or SavedModel folder) into a bundle.

    Each variant is made in a process of its own, run on the edge runtime and judged on the held-out pictures; the
    fastest that passes every gate is chosen. A variant that a gate refuses is left out and the exit code stays 0. A
    variant that cannot be made or run is left out too, the others go on, and the exit code is 3.

    \b
    Example:
      converter convert model.keras --recipe inspection.yaml --calibration train/ --test held-out/ --out out/ \\
          --variants float32,int8 --version v2 --release 2
    """
    from converter.convert import convert
    from converter.report import NothingPassed
    from edge_agent.contracts.recipe import load_recipe

    recipe, options = load_recipe(given["recipe"]), _options(given)
    try:
        with _Bar(hidden=as_json) as bar:
            done = convert(given["model"], recipe, given["calibration"], given["test"], given["out"], options, bar.show)
    except NothingPassed as error:
        rows = [variant.row() for variant in error.variants]
        report(as_json, {"bundle": None, "chosen": None, "variants": rows}, lambda: _table(rows, None))
        raise
    report(as_json, _result(done), lambda: _tell(done))
    if not done.complete:
        failed = ", ".join(v.id for v in done.variants if v.status == "failed")
        click.echo(f"converter: {failed} could not be made, see the reasons; the bundle holds the others", err=True)
        sys.exit(INCOMPLETE)


def _options(given: dict[str, Any]) -> Options:
    from converter.convert import Options

    names = ("tfjs", "onnx", "name", "version", "release", "target", "threads", "force", "device_class")
    variants = tuple(dict.fromkeys(v.strip() for v in given["variants"].split(",") if v.strip()))
    return Options(variants=variants, **{name: given[name] for name in names})


def _result(done: Conversion) -> dict[str, Any]:
    return {
        "bundle": str(done.bundle),
        "bundle_id": done.bundle_id,
        "archive": str(done.archive),
        "chosen": done.chosen,
        "variants": list(done.rows),
    }


def _tell(done: Conversion) -> None:
    _table(list(done.rows), done.chosen)
    click.echo(f"{done.why}\nbundle   {done.bundle}\n         {done.bundle_id}\narchive  {done.archive}")


def _table(rows: list[dict[str, Any]], chosen: str | None) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("variant", "status"):
        table.add_column(heading, no_wrap=True)
    for heading in ("bytes", "max diff", "agree", "accuracy", "defects found", "p50 ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("reason")
    colours = {"passed": "green", "rejected": "yellow", "failed": "red"}
    for row in rows:
        name = f"[bold]{row['id']} *[/]" if row["id"] == chosen else row["id"]
        status = f"[{colours[row['status']]}]{row['status']}[/]"
        shares = (_text(row[key], ".1%") for key in ("agreement", "accuracy", "recall"))
        size, diff = f"{row['bytes']:,}" if row["bytes"] else "", _text(row["max_diff"], ".2g")
        table.add_row(name, status, size, diff, *shares, _text(row["p50_ms"], ".3g"), row["reason"])
    _console().print(table)


def _console() -> Console:
    """Return where tables go; wide enough for all columns where nobody sees the lines wrapped."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=_WIDE)


def _text(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


class _Bar:
    """Progress with the time that remains, on standard error, where a person looks."""

    def __init__(self, hidden: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, console=console, transient=True, disable=hidden or not console.is_terminal)
        self.task = self.progress.add_task("starting", total=1.0)

    def __enter__(self) -> _Bar:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def show(self, share: float, text: str) -> None:
        """Show the share done and what is being done."""
        self.progress.update(self.task, completed=share, description=text)


@click.command("inspect")
@click.argument("bundle", type=_EXISTING)
@json_option
def inspect_command(as_json: bool, bundle: Path) -> None:
    """Show the manifest of BUNDLE (a folder or a .lineside file) and check the hash of every blob.

    \b
    Example:
      converter inspect out/bundle
    """
    from converter.verify import opened

    with _refusal_as_json(as_json), opened(bundle) as folder:
        manifest, problems = folder.open(), folder.problems()
        result = {"ok": not problems, "problems": problems, "bundle_id": folder.id, "manifest": manifest.model_dump()}
    report(as_json, result, lambda: _show(manifest, result["bundle_id"], problems))
    if problems:
        _stop(problems)


def _show(manifest: Manifest, bundle_id: Any, problems: list[str]) -> None:
    from rich.table import Table

    click.echo(f"{manifest.name} {manifest.version}, release {manifest.release}\n{bundle_id}")
    click.echo(f"input    {_input(manifest)}")
    click.echo(f"labels   {', '.join(manifest.output.labels)}\nchosen   {manifest.chosen} {manifest.device_map}")
    table = Table(box=None, pad_edge=False)
    for heading in ("variant", "bytes", "runtime", "temperature", "accept below", "reject from", "measured"):
        table.add_column(heading, no_wrap=True)
    for v in manifest.variants:
        speed = ", ".join(f"{m.p50_ms:.3g} ms ({m.device_class}, {m.threads} threads)" for m in v.measured)
        limits = (f"{v.thresholds.accept_below:.3f}", f"{v.thresholds.reject_above:.3f}")
        table.add_row(v.id, f"{v.blob.size:,}", v.min_runtime, f"{v.temperature:.3f}", *limits, speed)
    _console().print(table)
    for problem in problems:
        click.echo(f"problem  {problem}")


def _input(manifest: Manifest) -> str:
    from edge_agent.contracts.row import RowContract

    contract = manifest.input
    if isinstance(contract, RowContract):
        kinds = [f"{c.name} ({len(c.values)} values)" if c.kind == "text" else c.name for c in contract.columns]
        return f"a row of {len(kinds)} columns: {', '.join(kinds)}"
    height, width, channels = contract.shape[1:]
    return f"{height} x {width} x {channels} {contract.colour.value}, {contract.resize}"


@click.command("verify")
@click.argument("bundle", type=_EXISTING)
@click.option("--id", "expected_id", help="Digest that the manifest must have, as the registry or a colleague says.")
@click.option("--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="Threads of the runtime.")
@json_option
def verify_command(as_json: bool, bundle: Path, expected_id: str | None, threads: int) -> None:
    """Check every hash of BUNDLE, load every TFLite variant in a child process and run the golden pictures.

    \b
    Example:
      converter verify out/bundle
    """
    from converter.verify import opened, verify

    with _refusal_as_json(as_json), opened(bundle) as folder:
        problems, differences = verify(folder, expected_id, threads)
    cases = [vars(difference) for difference in differences]
    result = {"ok": not problems, "problems": problems, "cases": cases}
    worst = max((d.max_diff for d in differences), default=0.0)
    report(as_json, result, lambda: click.echo(f"{len(cases)} golden answers, largest difference {worst:.4f}"))
    if problems:
        _stop(problems)


@contextmanager
def _refusal_as_json(as_json: bool) -> Iterator[None]:
    """Give machines their JSON line for a bundle that cannot even be opened, before the error goes its way."""
    try:
        yield
    except Rejected as error:
        if as_json:
            report(True, {"ok": False, "problems": [str(error)]})
        raise


def _stop(problems: list[str]) -> None:
    for problem in problems:
        click.echo(f"converter: {problem}", err=True)
    sys.exit(INCOMPLETE)
