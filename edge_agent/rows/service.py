"""The model for tables that answers requests: that of a bundle, or of whichever bundle a link leads to."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge_agent.contracts.bundle import Manifest
from edge_agent.contracts.errors import LinesideError, Rejected
from edge_agent.contracts.row import Row, row_input
from edge_agent.rows.model import RowModel, row_model

log = logging.getLogger("lineside.rows")
Source = Callable[[RowModel | None], RowModel]
"""Returns the model to use now, given the one that was used before."""


def followed(bundle: Path, device_class: str, threads: int, work: Path) -> Source:
    """Return a source that is the bundle at `bundle`: a folder, a `.lineside` file, or a link to one of these.

    A link that is turned to another bundle, as the Pusher turns `latest`, is followed at the next request; where that
    bundle cannot be used, the one before goes on answering. Archives are unpacked below `work`. Raises as `row_model`.
    """
    loaded: list[Path] = []

    def current(before: RowModel | None) -> RowModel:
        target = bundle.resolve()
        if before is not None and loaded == [target]:
            return before
        try:
            model = row_model(target, device_class, threads, work)
        except LinesideError as error:
            if before is None:
                raise
            log.warning("%s is not taken into use: %s", target, error)
            model = before
        loaded[:] = [target]
        return model

    return current


class RowService:
    """Judges rows, one request after the other; safe to call from several threads. Counts what it said."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._model: RowModel | None = None
        self.verdicts: Counter[str] = Counter()
        self.seconds = 0.0

    def manifest(self) -> Manifest:
        """Return whose answers are given now. Raises as the source does for its first model."""
        with self._lock:
            return self._current().manifest

    def judge(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Judge each row as a part of its own. Raises as `manifest`, and Rejected naming a row that cannot be read."""
        started = time.monotonic()
        with self._lock:
            model = self._current()
            for place, row in enumerate(rows):
                try:
                    row_input(row, model.contract)
                except Rejected as error:
                    raise Rejected(f"instance {place}: {error}") from error
            answers = [_answer(model, row) for row in rows]
            self.verdicts.update(answer["verdict"] for answer in answers)
            self.seconds += time.monotonic() - started
        return answers

    def _current(self) -> RowModel:
        self._model = self._source(self._model)
        return self._model


def _answer(model: RowModel, row: Row) -> dict[str, Any]:
    said = model.judge([row])
    answer = {
        "verdict": said.verdict.value,
        "reason": said.reason.value,
        "label": said.label,
        "score": said.score,
        "probabilities": None if said.probabilities is None else list(said.probabilities),
    }
    return {**answer, "error": said.error} if said.error else answer
