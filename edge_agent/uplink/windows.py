"""Statistics windows from finished parts: what is counted, and when a window ends.

The journal is the only memory. `final_seq` orders the parts; closing a window appends it to the outbox and moves the
cursor in one transaction, so over any crash each part is in exactly one window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import numpy.typing as npt

from edge_agent.clock import Clock
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.messages import Stream
from edge_agent.contracts.window import Baseline, Statistics, WindowHead, encode_window
from edge_agent.journal import outbox
from edge_agent.journal.database import Database

_CURSOR = "window/cursor"
_PAGE = 500
_ROWS = 512
"""Parts whose features wait to be counted together; counting each by itself takes ten times as long."""


@dataclass(frozen=True)
class FinishedPart:
    """One row of the journal, as the query `parts_for_window` gives it."""

    id: int
    final_seq: int
    final: str
    verdict: str
    reason: str
    label: str
    score: float | None
    bundle: str | None
    latency_ms: float | None
    decided_ms: int | None
    operator: str
    features: bytes | None


@dataclass
class OpenWindow:
    """A window that still takes parts. `opened` in seconds of the monotonic clock."""

    bundle: str
    baseline: Baseline
    statistics: Statistics
    opened: float
    started_ms: int
    ended_ms: int
    parts: int = 0
    cursor: int = 0
    clock_suspect: bool = False
    waiting: list[npt.NDArray[np.float32]] = field(default_factory=list)

    def add(self, part: FinishedPart) -> None:
        """Count a part that this window's bundle judged."""
        self.count(part)
        self.parts += 1
        self.ended_ms = max(self.ended_ms, part.decided_ms or 0)
        self.waiting.append(_pictures(part.features, len(self.baseline.features)))
        if len(self.waiting) >= _ROWS:
            self.settle()

    def settle(self) -> Statistics:
        """Count what waits; return the statistics of all parts so far."""
        if self.waiting:
            self.statistics.add(self.baseline, np.concatenate(self.waiting))
            self.waiting.clear()
        return self.statistics

    def count(self, part: FinishedPart) -> None:
        """Count what became of a part, whether a model saw it or not."""
        for name in counters(part):
            self.statistics.count(name)
        if part.latency_ms is not None:
            self.statistics.count("latency.us", round(part.latency_ms * 1000))
        self.cursor = part.final_seq


def counters(part: FinishedPart) -> list[str]:
    """Return the counters that a part raises."""
    names = [f"final.{part.final}", f"reason.{part.reason}"]
    if part.label:
        names.append(f"label.{part.label}")
    if part.verdict == "review":
        names.append("verdict.review")
    if part.operator:
        names.append(f"operator.{part.final}")
    return names


def _pictures(features: bytes | None, count: int) -> npt.NDArray[np.float32]:
    """Return one row of values per picture; none where the blob is not a whole number of rows."""
    whole = features if features and len(features) % (4 * count) == 0 else b""
    return np.frombuffer(whole, np.float32).reshape(-1, count)


class Windows:
    """Builds the windows of one device. `baseline_of` returns a bundle's baseline, or None where it has none."""

    def __init__(
        self,
        database: Database,
        boot: UUID,
        baseline_of: Callable[[str], Baseline | None],
        clock: Clock,
        seconds: float,
        clock_suspect: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database, self._boot, self._baseline_of = database, boot, baseline_of
        self._clock, self._seconds, self._clock_suspect = clock, seconds, clock_suspect
        row = database.row("read_counter", name=_CURSOR)
        self._read = self._cursor = int(row[0]) if row else 0
        self._open: OpenWindow | None = None

    def advance(self) -> int:
        """Count the parts finished since the last call; return how many windows were closed."""
        closed = 0
        self._doubt()
        while True:
            rows = self._database.rows("parts_for_window", after=self._read, limit=_PAGE)
            for row in rows:
                closed += self._take(FinishedPart(*row))
            if len(rows) < _PAGE:
                break
        window = self._open
        if window is not None and self._clock.monotonic() - window.opened >= self._seconds:
            closed += self._close()
        if self._open is None and self._read > self._cursor:
            self._skip()
        return closed

    def _doubt(self) -> None:
        """Remember of the open window that the clock was wrong in its time, though it may be right at its end."""
        if self._open is not None and self._clock_suspect():
            self._open.clock_suspect = True

    def _take(self, part: FinishedPart) -> int:
        """Count one part; return 1 for each window that it closed."""
        closed = 0
        window = self._open
        if window is not None and part.bundle not in (None, window.bundle):
            closed += self._close()
        if self._open is None and part.bundle is not None:
            self._open = self._begin(part.bundle, part.decided_ms or 0)
        window = self._open
        if window is not None:
            window.add(part) if part.bundle == window.bundle else window.count(part)
        self._read = part.final_seq
        if window is not None and window.parts >= window.baseline.window_parts:
            closed += self._close()
        return closed

    def _begin(self, bundle: str, at_ms: int) -> OpenWindow | None:
        baseline = self._baseline_of(bundle)
        if baseline is None:
            return None
        return OpenWindow(bundle, baseline, Statistics.empty(baseline), self._clock.monotonic(), at_ms, at_ms)

    def _close(self) -> int:
        """Put the window into the outbox and move the cursor behind its last part, both or neither."""
        window, database = self._open, self._database
        assert window is not None
        with database.transaction():
            head = self._head(window, self._next_seq())
            payload = encode_window(head, window.settle())
            seq = outbox.append(database, str(self._boot), Stream.WINDOW, payload, self._clock.wall_ms())
            assert seq == head.seq
            database.run("set_counter", name=_CURSOR, value=window.cursor)
        self._cursor, self._open = window.cursor, None
        return 1

    def _next_seq(self) -> int:
        row = self._database.row("read_counter", name=f"{Stream.WINDOW.value}/{self._boot}")
        return (int(row[0]) if row else 0) + 1

    def _head(self, window: OpenWindow, seq: int) -> WindowHead:
        return WindowHead(
            boot=self._boot,
            seq=seq,
            schema_id=window.baseline.schema_id,
            bundle=window.bundle,
            started_ms=window.started_ms,
            ended_ms=window.ended_ms,
            parts=window.parts,
            clock_suspect=window.clock_suspect or self._clock_suspect(),
        )

    def _skip(self) -> None:
        """Leave behind parts that no window can hold: no model judged them, or its baseline is gone."""
        with self._database.transaction():
            self._database.run("set_counter", name=_CURSOR, value=self._read)
        self._cursor = self._read


def read_baseline(folder: BundleFolder) -> Baseline | None:
    """Return an installed bundle's baseline; None where it has none or it cannot be read."""
    try:
        manifest = folder.open()
        blob = manifest.documents.get("baseline")
        return Baseline.model_validate_json(folder.read(blob)) if blob else None
    except (Rejected, ValueError, OSError):
        return None


def baselines_below(bundles: Callable[[str], BundleFolder]) -> Callable[[str], Baseline | None]:
    """Return a lookup that reads each bundle's baseline once."""
    known: dict[str, Baseline | None] = {}

    def baseline_of(bundle: str) -> Baseline | None:
        if known.get(bundle) is None:
            known[bundle] = read_baseline(bundles(bundle))
        return known[bundle]

    return baseline_of
