"""The trace of a part: what came of it, who decided, what the PLC did, and what is still there to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from edge_agent.home import Home
from edge_agent.journal.reader import Reader
from edge_agent.report.lines import disposition_name
from edge_agent.station.errors import Refused
from edge_agent.station.models import Bundles
from edge_agent.station.pictures import find_picture

LIMIT = 50
_BEYOND = "\U0010ffff"


class Hit(NamedTuple):
    """A part that was found."""

    part: int
    serial: str
    triggered_ms: int
    verdict: str | None
    final: str | None
    reason: str | None


@dataclass(frozen=True)
class Answered:
    """What a person said, `late` after the deadline, `conflict` after somebody else, `audit` when it had gone on."""

    operator: str
    verdict: str
    label: str
    at_ms: int
    late: bool
    conflict: bool
    audit: bool = False


@dataclass(frozen=True)
class Sent:
    """As which part a PLC sent it, and what it says it did: none, accepted, rejected, no-result."""

    run: int
    sequence: int
    disposition: str


class Both(NamedTuple):
    """What two models thought of a part that was drawn for the challenger: names, verdicts (review: unsure), scores.

    `second` is the challenger's, None where it had none in time; `outcome` is decided, late or failed.
    """

    outcome: str
    champion: str
    first: str
    first_score: float
    challenger: str
    second: str | None
    second_score: float | None


@dataclass(frozen=True)
class Trace:
    """All that the station knows of a part. Times in milliseconds since 1970; `score`: probability of defective.

    `picture` is its SHA-256 while the picture is in the ring; `decided_ms` is when the machine gave its verdict, and
    `review` how the question to people ended: "", open, decided, timeout, lost. `detail` says more of `reason`.
    `views` are all pictures of a part that has several, in their order, "" for one that is not there; else empty.
    """

    part: int
    boot: str
    seq: int
    serial: str
    triggered_ms: int
    decided_ms: int | None
    verdict: str | None
    final: str | None
    reason: str | None
    label: str
    score: float | None
    peak: tuple[float, float] | None
    latency_ms: float | None
    bundle: str | None
    model: str
    operator: str
    output: str
    picture: str | None
    heatmap: bool
    review: str
    answers: tuple[Answered, ...]
    plc: Sent | None
    detail: str = ""
    canary: Both | None = None
    views: tuple[str, ...] = ()


def find_parts(reader: Reader, serial: str) -> list[Hit]:
    """Return the parts with this serial, the newest first, then those whose serial begins with it; at most `LIMIT`."""
    if not serial:
        return []
    exact = reader.rows("parts_with_serial", serial=serial, limit=LIMIT)
    more = reader.rows("parts_with_prefix", serial=serial, beyond=serial + _BEYOND, limit=LIMIT - len(exact))
    return [Hit._make(row) for row in (*exact, *more)]


def trace_part(reader: Reader, home: Home, bundles: Bundles, part: int) -> Trace | None:
    """Return a part's trace, None where there is no such part."""
    row = reader.row("part_fields", id=part)
    if row is None:
        return None
    (number, boot, seq, serial, triggered_ms, verdict, final, reason, label, score, x, y) = row[:12]
    bundle, latency_ms, decided_ms, operator, image, output, detail = row[12:]
    asked = reader.row("part_review", part=part)
    return Trace(
        number,
        boot,
        seq,
        serial,
        triggered_ms,
        decided_ms,
        verdict,
        final,
        reason,
        label,
        score,
        None if x is None or y is None else (x, y),
        latency_ms,
        bundle,
        model_name(bundles, bundle),
        operator,
        output,
        image if image and _kept(home, image) else None,
        bool(asked and asked[2]),
        asked[1] if asked else "",
        tuple(Answered(*row[:4], *map(bool, row[4:])) for row in reader.rows("part_answers", part=part)),
        _sent(reader, part),
        detail,
        _both(reader, bundles, part),
        tuple(name if name and _kept(home, name) else "" for (name,) in reader.rows("part_views", part=part)),
    )


def model_name(bundles: Bundles, bundle: str | None) -> str:
    """Return name and version of a model, the begin of its ID where it is not on this device any more."""
    manifest = bundles.manifest(bundle)
    return f"{manifest.name} {manifest.version}" if manifest else (bundle or "")[:12]


def _sent(reader: Reader, part: int) -> Sent | None:
    row = reader.row("part_plc", part=part)
    return Sent(row[0], row[1], disposition_name(row[2])) if row else None


def _both(reader: Reader, bundles: Bundles, part: int) -> Both | None:
    row = reader.row("part_canary", part=part)
    if row is None:
        return None
    bundle, _, outcome, champion, first, first_score, second, second_score = row
    names = model_name(bundles, champion), model_name(bundles, bundle)
    return Both(outcome, names[0], first, first_score, names[1], second, second_score)


def _kept(home: Home, digest: str) -> bool:
    try:
        find_picture(home.images, digest)
    except Refused:
        return False
    return True
