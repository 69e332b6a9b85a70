"""The page of all runs of a root: what came out of each, the newest first. One file, nothing from any network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edge_agent.contracts.bounds import exact_interval
from trainer.delivery import history
from trainer.evaluation.released import Override, overrides
from trainer.pipeline.cache import write_atomically
from trainer.pipeline.runs import RunRecord, Runs, in_short

FILE, REPORT = "index.html", "report.html"
_MOST = 200


@dataclass(frozen=True)
class Share:
    """A value with its 95 % interval, 0..1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """A run as a line of the page. `page` is its report, "" where there is none; `changed` its settings."""

    run: str
    pipeline: str
    started: str
    seconds: float
    tone: str
    chip: str
    said: str
    page: str
    version: str
    changed: tuple[str, ...]
    steps: str
    auroc: Share | None
    escape: Share | None
    overkill: Share | None
    review: float | None


def write_index(root: Path) -> Path:
    """Write ROOT/runs/index.html anew and return its path. Raises ConfigError for a damaged record."""
    from trainer.reports.rendering import environment

    runs = Runs(root)
    names = list(reversed(runs.names()))
    released = {one.run: one for one in overrides(root)}
    rows = [row_of(runs.load(name), (runs.path(name) / REPORT).is_file(), released.get(name)) for name in names[:_MOST]]
    blessed = {entry.model: entry.version for entry in history.load(root)}
    page = environment().get_template("runs.html").render(rows=rows, older=len(names[_MOST:]), blessed=blessed)
    target = runs.folder / FILE
    write_atomically(target, page.encode())
    return target


def row_of(record: RunRecord, has_page: bool, released: Override | None = None) -> Row:
    """Return a run's line: what its record says, and whether its model was `released` since; the store is not read."""
    metrics = record.result.get("metrics") or {}
    rates = metrics.get("rates") or {}
    tone, chip = ("warn", f"released by {released.by}") if released else _verdict(record)
    started = datetime.fromtimestamp(record.started_ms / 1000, timezone.utc)
    said = record.error or ("" if record.result.get("blessed") else in_short(record.result.get("reasons", ())))
    return Row(
        run=record.run,
        pipeline=record.pipeline,
        started=started.strftime("%Y-%m-%d %H:%M UTC"),
        seconds=max(record.ended_ms - record.started_ms, 0) / 1000,
        tone=tone,
        chip=chip,
        said=said,
        page=f"{record.run}/{REPORT}" if has_page else "",
        version=_version(record.result.get("bundle")),
        changed=tuple(record.arguments.get("assignments", ())),
        steps=_steps(record),
        auroc=_ranking(metrics),
        escape=_share(rates, "escape", "defective"),
        overkill=_share(rates, "overkill", "good"),
        review=rates.get("review"),
    )


def _verdict(record: RunRecord) -> tuple[str, str]:
    if record.state != "done":
        return ("bad", record.state) if record.state == "failed" else ("warn", record.state)
    tone = {"blessed": "good", "not blessed": "bad"}.get(record.verdict, "warn")
    return tone, record.verdict or "not evaluated"


def _version(bundle: str | None) -> str:
    """A bundle that was pushed lies in a folder named by its version; one that was not, by its digest."""
    path = Path(bundle) if bundle else None
    return path.name if path is not None and path.parent.parent.name == "pushed" else ""


def _steps(record: RunRecord) -> str:
    counts = {status: sum(step.status == status for step in record.steps) for status in ("done", "cached", "skipped")}
    return ", ".join(f"{count} {status}" for status, count in counts.items() if count)


def _ranking(metrics: Mapping[str, Any]) -> Share | None:
    value, low, high = (metrics.get(name) for name in ("part_auroc", "part_auroc_low", "part_auroc_high"))
    return None if value is None or low is None or high is None else Share(value, low, high)


def _share(rates: Mapping[str, Any], name: str, of: str) -> Share | None:
    value, n = rates.get(name), rates.get(of, 0)
    return None if value is None or not n else Share(value, *exact_interval(round(value * n), n))
