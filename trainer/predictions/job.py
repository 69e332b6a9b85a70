"""A prediction from first to last: batches that are kept as they end, so that a killed one goes on; then one file."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_agent.contracts.encoding import canonical_json, digest_bytes
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.row import RowContract
from edge_agent.contracts.scores import part_score
from edge_agent.contracts.verdict import Verdict
from trainer.pipeline.cache import write_atomically
from trainer.predictions.listing import Bad, list_pictures
from trainer.predictions.rows import read_table, score_rows
from trainer.predictions.scoring import DIGITS, Model, Row, score_pictures, verdict_of
from trainer.predictions.tables import check_format, write_table

PLAN = "plan.json"
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Wishes:
    """How many at once, the share that may be bad, threads of the edge runtime, what parts the cells of a CSV.

    `allowed_by` names what sets `max_bad`; `keeps_list`: the list of what is bad stays where it is after an error, too.
    """

    batch: int = 512
    max_bad: float = 0.01
    threads: int = 0
    delimiter: str = ","
    allowed_by: str = "--max-bad"
    keeps_list: bool = True

    @property
    def cores(self) -> int:
        """Threads to use: as many as there are cores, at most four, unless said."""
        return self.threads or min(4, len(os.sched_getaffinity(0)))


@dataclass(frozen=True)
class Job:
    """What there is to do: how many `pictures` or `rows`, named by content, what is none, and how some are scored."""

    kind: str
    count: int
    digest: str
    bad: Sequence[Bad]
    score: Callable[[Sequence[int], Path], tuple[list[Row], list[Bad]]]


def predict(model: Model, source: Path, out: Path, work: Path, wishes: Wishes, progress: Progress) -> dict[str, Any]:
    """Predict all of `source` into the file `out`; what is bad goes to `out` + `.bad.csv`. Returns counts.

    `work` keeps what is finished until the end. Raises Rejected when more than `wishes.max_bad` is bad, ConfigError for
    a file of an unknown format.
    """
    check_format(out)
    job = job_of(model, source, wishes)
    resumed = _prepare(work, model, job, wishes)
    count = -(-job.count // wishes.batch)
    for number in range(count):
        path, first = work / f"batch-{number:06d}.json", number * wishes.batch
        last = min(first + wishes.batch, job.count)
        if not path.is_file():
            rows, bad = job.score(range(first, last), work)
            write_atomically(path, json.dumps({"rows": rows, "bad": [asdict(one) for one in bad]}).encode())
        progress(f"{last} of {job.count}", (number + 1) / count)
    rows, bad = _collected(work, job.bad)
    listed = out.with_name(f"{out.name}.bad.csv")
    _write_bad(bad, listed)
    _check_bad(bad, len(rows) + len(bad), wishes, listed.name)
    if rows and "part" in rows[0]:
        with_parts(rows, model, {one.part for one in bad})
    _round_scores(rows)
    write_table(rows, out)
    shutil.rmtree(work, ignore_errors=True)
    verdicts = Counter(row.get("part_verdict", row["verdict"]) for row in {_unit(row): row for row in rows}.values())
    known = {"model": model.manifest.name, "version": model.manifest.version, "variant": model.variant.id}
    counts = {job.kind: len(rows), "parts": sum(verdicts.values()), "bad": len(bad), "resumed": resumed}
    return {**known, **counts, "verdicts": dict(sorted(verdicts.items()))}


def job_of(model: Model, source: Path, wishes: Wishes) -> Job:
    """Return what there is to do: pictures or rows, whatever the model takes."""
    if isinstance(model.manifest.input, RowContract):
        table = read_table(source, model.manifest.input, wishes.delimiter)

        def score_some(numbers: Sequence[int], work: Path) -> tuple[list[Row], list[Bad]]:
            return score_rows(model, table, numbers, work, wishes.cores)

        return Job("rows", len(table.places), table.digest, table.bad, score_some)
    listing = list_pictures(source)

    def score(numbers: Sequence[int], work: Path) -> tuple[list[Row], list[Bad]]:
        chosen = [listing.pictures[number] for number in numbers]
        return score_pictures(model, listing.folder, chosen, work, wishes.cores)

    return Job("pictures", len(listing.pictures), listing.digest(), listing.bad, score)


def with_parts(rows: list[Row], model: Model, unseen: Collection[str] = ()) -> None:
    """Add each part's score and verdict, joined from its pictures as the recipe says, to the rows of the part.

    One of `unseen`, of which a picture could not be read, is rejected, as a station would: nobody saw that side of it.
    """
    combine = model.manifest.recipe.views.combine
    scores: dict[str, list[float]] = {}
    for row in rows:
        scores.setdefault(row["part"], []).append(row["score"])
    joined = {part: part_score(values, combine) for part, values in scores.items()}
    for row in rows:
        row["part_score"] = joined[row["part"]]
        verdict = verdict_of(joined[row["part"]], model.variant.thresholds)
        row["part_verdict"] = str(Verdict.REJECT.value) if row["part"] in unseen else verdict


def _round_scores(rows: list[Row]) -> None:
    """Round the scores once every verdict stands."""
    for row in rows:
        row |= {name: round(row[name], DIGITS) for name in ("score", "part_score") if name in row}


def _prepare(work: Path, model: Model, job: Job, wishes: Wishes) -> int:
    """Return how many batches a former attempt has left; what is of another model or other pictures is removed."""
    key = digest_bytes(canonical_json([model.identity, model.variant.id, job.digest, wishes.batch]))
    plan = work / PLAN
    if plan.is_file() and plan.read_text(encoding="utf-8") == key:
        return len(list(work.glob("batch-*.json")))
    shutil.rmtree(work, ignore_errors=True)
    write_atomically(plan, key.encode())
    return 0


def _unit(row: Row) -> str:
    return str(row.get("part", row.get("row")))


def _collected(work: Path, unlisted: Sequence[Bad]) -> tuple[list[Row], list[Bad]]:
    rows: list[Row] = []
    bad = list(unlisted)
    for path in sorted(work.glob("batch-*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        rows += content["rows"]
        bad += [Bad(**one) for one in content["bad"]]
    return rows, bad


def _check_bad(bad: list[Bad], total: int, wishes: Wishes, listed: str) -> None:
    if not bad:
        return
    first = f"the first: {bad[0].place}: {bad[0].reason}" + (f"; all of them: {listed}" if wishes.keeps_list else "")
    if len(bad) == total:
        raise Rejected(f"none of {total} can be used; {first}")
    if len(bad) > wishes.max_bad * total:
        allowed = f"{wishes.allowed_by} {wishes.max_bad:.2%}"
        raise Rejected(f"{len(bad)} of {total} are bad, more than {allowed} allows; {first}")


def _write_bad(bad: list[Bad], path: Path) -> None:
    path.unlink(missing_ok=True)
    if bad:
        write_table([asdict(one) for one in bad], path)
