"""The live model on newly labelled parts: measured again and again, and a ticket where its bound is broken."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_agent.contracts.bounds import exact_interval
from edge_agent.contracts.errors import ConfigError, Unavailable
from trainer.delivery import history
from trainer.labels.fetch import fetch_labels
from trainer.labels.fleet_api import FleetApi
from trainer.pipeline import recipes
from trainer.pipeline.cache import write_atomically
from trainer.request import Request

FOLDER, LAST = "live", "last.json"
_MEASURING = "test"
_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
Say = Callable[[str], None]


@dataclass(frozen=True)
class Measured:
    """Of `parts` that nobody trained on, `defective` ones of which `escaped` were accepted, with the 95 % interval.

    `broken` = even the interval's lower end is above the recipe's target.
    """

    parts: int
    defective: int
    escaped: int
    low: float
    high: float
    target: float

    @property
    def broken(self) -> bool:
        """Whether the escape rate is proven to be above the target."""
        return self.defective > 0 and self.low > self.target

    @property
    def text(self) -> str:
        """The finding as one sentence."""
        if not self.defective:
            return f"{self.parts} audited parts, none defective: the escape rate cannot be measured yet"
        found = f"{self.escaped} of {self.defective} defective parts accepted among {self.parts} audited parts"
        verdict = "above" if self.broken else "not proven above"
        return f"{found}: escape rate {self.low:.1%} to {self.high:.1%}, {verdict} the target {self.target:.1%}"


def measured(rows: list[tuple[str, bool]], target: float) -> Measured:
    """Return what (verdict, defective) of audited parts say. Rule only."""
    bad = [verdict for verdict, defective in rows if defective]
    escaped = bad.count("accept")
    low, high = exact_interval(escaped, len(bad)) if bad else (0.0, 1.0)
    return Measured(len(rows), len(bad), escaped, float(low), float(high), target)


def every_ms(text: str) -> int:
    """Return milliseconds of `30m`, `12h`, `1d`. Raises ConfigError for anything else."""
    found = re.fullmatch(r"([1-9][0-9]*)([smhd])", text)
    if found is None:
        raise ConfigError(f"--evaluate-every {text}: expected a number with s, m, h or d, such as 1d")
    return int(found[1]) * _UNITS_MS[found[2]]


def is_due(root: Path, every: int, now_ms: int) -> bool:
    """Say whether the last evaluation in this root is as long ago as `every`."""
    path = root / FOLDER / LAST
    return not path.is_file() or now_ms - int(json.loads(path.read_text(encoding="utf-8"))["at_ms"]) >= every


def evaluate_live(request: Request, home: Path, now_ms: int, say: Say) -> dict[str, Any]:
    """Judge the newest release of this root that the fleet has on the parts that people labelled since it is there.

    Writes `ROOT/live/<version>/evaluation.json` and tells the fleet, which opens a ticket where the bound is broken.
    Raises ConfigError where the fleet has no model of this root.
    """
    recipe, _ = recipes.load(request.recipe, request.assignments)
    fleet = FleetApi.of(home)
    try:
        entry, since = _live(fleet, request.root, recipe.name)
        folder = request.root / FOLDER / entry.version
        try:
            fetch_labels(_Reviewed(fleet, since), entry.bundle, f"{entry.model} {entry.version}", folder / "data")
        except Unavailable as error:
            say(f"not evaluated: {error}")
            found: dict[str, Any] = {"evaluated": False, "reason": str(error)}
        else:
            found = _judge(fleet, entry, folder, request.root, recipe.thresholds.escape_rate, since, now_ms)
            say(f"{entry.model} {entry.version}: {found['text']}{_of_tickets(found['tickets'])}")
    finally:
        fleet.close()
    write_atomically(request.root / FOLDER / LAST, json.dumps({"at_ms": now_ms}).encode())
    return found


def _of_tickets(names: list[str]) -> str:
    return f"; ticket {', '.join(names)}" if names else ""


def _live(fleet: FleetApi, root: Path, name: str) -> tuple[history.Blessed, int]:
    """Return the newest release that both know, and when it was published (milliseconds since 1970)."""
    known = {entry.bundle: entry for entry in history.load(root) if entry.model == name}
    for row in fleet.models():
        if row["bundle"] in known and not row["revert"]:
            return known[row["bundle"]], int(row["published_ms"])
    raise ConfigError(
        f"{root}: the fleet has no release of {name} that was blessed here; publish one, or name its root"
    )


@dataclass(frozen=True)
class _Reviewed:
    """The fleet's reviewed parts of a bundle, as `fetch_labels` takes them."""

    fleet: FleetApi
    since_ms: int

    def labels(self, name: str) -> bytes:
        """Return the table of bundle `name`."""
        return self.fleet.live_labels(name, self.since_ms)

    def image(self, sha: str) -> bytes:
        """Return a picture."""
        return self.fleet.image(sha)


def _judge(
    fleet: FleetApi, entry: history.Blessed, folder: Path, root: Path, target: float, since: int, now_ms: int
) -> dict[str, Any]:
    from trainer.predictions.job import Wishes, predict
    from trainer.predictions.scoring import open_model

    model = open_model(root / "pushed" / entry.model / entry.version)
    out = folder / "predictions.csv"
    predict(model, folder / "data", out, folder / "work", Wishes(max_bad=1.0), lambda text, share: None)
    with out.open(newline="", encoding="utf-8") as file:
        verdicts = {row["part"]: row["part_verdict"] for row in csv.DictReader(file)}
    with (folder / "data" / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split_hint"] == _MEASURING and row["part"] in verdicts]
    good = model.manifest.recipe.labels.good
    seen = measured([(verdicts[row["part"]], row["label"] != good) for row in rows], target)
    content = {
        "bundle": entry.bundle,
        "version": entry.version,
        "text": seen.text,
        "broken": seen.broken,
        **asdict(seen),
    }
    write_atomically(folder / "evaluation.json", json.dumps(content, indent=1, sort_keys=True).encode())
    told = {"bundle": entry.bundle, "text": seen.text[:500], "parts": seen.parts, "broken": seen.broken}
    opened = fleet.tell_live({**told, "threshold": target, "first_ms": since, "last_ms": now_ms})
    return {"evaluated": True, **content, "tickets": [str(ticket["id"]) for ticket in opened]}
