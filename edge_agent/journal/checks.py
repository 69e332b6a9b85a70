"""Questions that decide nothing, in the journal: second looks at decided parts, and pictures with a known answer.

Nothing here touches parts, outputs, counts or the outbox. `boot` and monotonic times are those of the running station.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.contracts.verdict import Verdict
from edge_agent.journal.database import Database
from edge_agent.journal.facts import PartRow


@dataclass(frozen=True)
class Showing:
    """To whom a question is shown, under which name, and from when until when (seconds of the monotonic clock)."""

    operator: str
    serial: str
    boot: str
    from_mono: float
    until_mono: float


@dataclass(frozen=True)
class Opinion:
    """What the machine says of a picture: probability of defective, suggestion, strongest place, heatmap (PNG)."""

    score: float | None
    label: str
    peak: tuple[float, float] | None
    heatmap: bytes | None


@dataclass(frozen=True)
class Shown:
    """A question that somebody has on the page or will have in a moment."""

    id: int
    serial: str
    score: float | None
    label: str
    image: str
    peak: tuple[float, float] | None
    has_heatmap: bool
    from_mono: float
    until_mono: float


def draw_second(database: Database, part: PartRow, operator: str, now_ms: int) -> None:
    """Note that a part which `operator` decides shall be shown to somebody else; `part` as it was before."""
    with database.transaction():
        database.run(
            "draw_second",
            part=part.id,
            operator=operator,
            image=part.image,
            label=part.label,
            score=part.score,
            peak_x=part.peak_x,
            peak_y=part.peak_y,
            drawn_ms=now_ms,
        )


def next_second(database: Database, operator: str, before_ms: int) -> tuple[int, str] | None:
    """Return id and picture of the oldest drawn part that a person has not judged yet, None where there is none."""
    row = database.row("next_second", operator=operator, before_ms=before_ms)
    return (int(row[0]), str(row[1])) if row else None


def show_second(database: Database, check: int, showing: Showing) -> None:
    """Show a drawn part to a person."""
    with database.transaction():
        database.run("show_check", id=check, **vars(showing))


def drop(database: Database, check: int) -> None:
    """Forget a drawn part whose picture is gone."""
    with database.transaction():
        database.run("drop_check", id=check)


def show_known(database: Database, image: str, truth: Verdict, opinion: Opinion, showing: Showing, now_ms: int) -> None:
    """Show a picture with a known answer to a person."""
    x, y = opinion.peak or (None, None)
    seen = {"label": opinion.label, "score": opinion.score, "heatmap": opinion.heatmap, "peak_x": x, "peak_y": y}
    with database.transaction():
        database.run("add_known_check", image=image, truth=truth.value, drawn_ms=now_ms, **seen, **vars(showing))


def shown(database: Database, operator: str, boot: str, now_mono: float) -> list[Shown]:
    """Return what a person has still to answer, also what only comes in a moment."""
    found = []
    for row in database.rows("shown_checks", operator=operator, boot=boot, now_mono=now_mono):
        number, serial, score, label, image, x, y, heat, start, end = row
        found.append(Shown(number, serial, score, label, image, None if x is None else (x, y), bool(heat), start, end))
    return found


def heatmap(database: Database, check: int, operator: str) -> bytes | None:
    """Return the heatmap of a question to this person."""
    row = database.row("check_heatmap", id=check, operator=operator)
    return row[0] if row else None


def answer(
    database: Database, check: int, showing: tuple[str, str], said: tuple[Verdict, str], now: tuple[int, float]
) -> bool:
    """Note an answer; False where it is too late. `showing` is (operator, boot), `now` (wall ms, monotonic s)."""
    (operator, boot), (verdict, label), (now_ms, now_mono) = showing, said, now
    values = {"operator": operator, "boot": boot, "answer": verdict.value, "label": label}
    with database.transaction():
        return bool(database.run("answer_check", id=check, now_ms=now_ms, now_mono=now_mono, **values))


def withdraw(database: Database, check: int, showing: tuple[str, str], since_mono: float, now_mono: float) -> bool:
    """Take an answer back that was given after `since_mono`; False where that is over."""
    operator, boot = showing
    with database.transaction():
        values = {"operator": operator, "boot": boot, "since_mono": since_mono, "now_mono": now_mono}
        return bool(database.run("withdraw_check", id=check, **values))


def is_for(database: Database, check: int, operator: str) -> bool:
    """Return whether a question was put to this person."""
    return database.row("has_check", id=check, operator=operator) is not None
