"""A prediction from first to last: batches that are kept as they end, so that a killed one goes on; then one file."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_agent.contracts.encoding import canonical_json, digest_bytes
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.row import RowContract
from edge_agent.contracts.scores import part_score
from trainer.pipeline.cache import write_atomically
from trainer.predictions.listing import Bad, Listing, list_pictures
from trainer.predictions.scoring import Model, Row, score_pictures, verdict_of
from trainer.predictions.tables import check_format, write_table

PLAN = "plan.json"
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Wishes:
    """How many pictures at once, the share of them that may be bad, threads of the edge runtime."""

    batch: int = 512
    max_bad: float = 0.01
    threads: int = 0

    @property
    def cores(self) -> int:
        """Threads to use: as many as there are cores, at most four, unless said."""
        return self.threads or min(4, len(os.sched_getaffinity(0)))


def predict(model: Model, source: Path, out: Path, work: Path, wishes: Wishes, progress: Progress) -> dict[str, Any]:
    """Predict all of `source` into the file `out`; what is bad goes to `out` + `.bad.csv`. Returns counts.

    `work` keeps what is finished until the end. Raises Rejected when more than `wishes.max_bad` is bad, ConfigError for
    a file of an unknown format.
    """
    check_format(out)
    if isinstance(model.manifest.input, RowContract):
        return _predict_rows(model, source, out, work, wishes, progress)
    listing = list_pictures(source)
    resumed = _prepare(work, model, listing, wishes)
    for number, share in _batches(listing, wishes):
        path = work / f"batch-{number:06d}.json"
        if not path.is_file():
            chosen = listing.pictures[number * wishes.batch : (number + 1) * wishes.batch]
            rows, bad = score_pictures(model, listing.folder, chosen, work, wishes.cores)
            write_atomically(path, json.dumps({"rows": rows, "bad": [asdict(one) for one in bad]}).encode())
        progress(f"{min((number + 1) * wishes.batch, len(listing.pictures))} of {len(listing.pictures)}", share)
    rows, bad = _collected(work, listing)
    return _finished(model, rows, bad, out, work, wishes, {"pictures": len(rows), "resumed": resumed})


def _predict_rows(
    model: Model, source: Path, out: Path, work: Path, wishes: Wishes, progress: Progress
) -> dict[str, Any]:
    """Predict the rows of a file or a folder of files; they take seconds, so that nothing is kept in between."""
    from trainer.predictions.rows import score_rows

    rows, bad = score_rows(model, source, work, wishes.cores, progress)
    return _finished(model, rows, bad, out, work, wishes, {"pictures": len(rows), "resumed": 0})


def _finished(
    model: Model, rows: list[Row], bad: list[Bad], out: Path, work: Path, wishes: Wishes, counts: dict[str, int]
) -> dict[str, Any]:
    """Write what was predicted and what could not be; return the counts."""
    _check_bad(bad, len(rows) + len(bad), wishes.max_bad)
    with_parts(rows, model)
    write_table(rows, out)
    _write_bad(bad, out.with_name(f"{out.name}.bad.csv"))
    shutil.rmtree(work, ignore_errors=True)
    verdicts = Counter(row["part_verdict"] for row in {row["part"]: row for row in rows}.values())
    known = {"model": model.manifest.name, "version": model.manifest.version, "variant": model.variant.id}
    of_parts = {"parts": sum(verdicts.values()), "bad": len(bad), "verdicts": dict(sorted(verdicts.items()))}
    return {**known, **counts, **of_parts}


def with_parts(rows: list[Row], model: Model) -> None:
    """Add each part's score and verdict, joined from its pictures as the recipe says, to the rows of the part."""
    combine = model.manifest.recipe.views.combine
    scores: dict[str, list[float]] = {}
    for row in rows:
        scores.setdefault(row["part"], []).append(row["score"])
    joined = {part: part_score(values, combine) for part, values in scores.items()}
    for row in rows:
        row["part_score"] = round(joined[row["part"]], 6)
        row["part_verdict"] = verdict_of(joined[row["part"]], model.variant.thresholds)


def _prepare(work: Path, model: Model, listing: Listing, wishes: Wishes) -> int:
    """Return how many batches a former attempt has left; what is of another model or other pictures is removed."""
    key = digest_bytes(canonical_json([model.identity, model.variant.id, listing.digest(), wishes.batch]))
    plan = work / PLAN
    if plan.is_file() and plan.read_text(encoding="utf-8") == key:
        return len(list(work.glob("batch-*.json")))
    shutil.rmtree(work, ignore_errors=True)
    write_atomically(plan, key.encode())
    return 0


def _batches(listing: Listing, wishes: Wishes) -> Iterator[tuple[int, float]]:
    count = -(-len(listing.pictures) // wishes.batch)
    return ((number, (number + 1) / count) for number in range(count))


def _collected(work: Path, listing: Listing) -> tuple[list[Row], list[Bad]]:
    rows: list[Row] = []
    bad = list(listing.bad)
    for path in sorted(work.glob("batch-*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        rows += content["rows"]
        bad += [Bad(**one) for one in content["bad"]]
    return rows, bad


def _check_bad(bad: list[Bad], total: int, max_bad: float) -> None:
    if bad and (len(bad) > max_bad * total or len(bad) == total):
        first = f"{bad[0].place}: {bad[0].reason}"
        raise Rejected(f"{len(bad)} of {total} are bad, more than {max_bad:.2%}; the first: {first}; see --max-bad")


def _write_bad(bad: list[Bad], path: Path) -> None:
    path.unlink(missing_ok=True)
    if bad:
        write_table([asdict(one) for one in bad], path)
