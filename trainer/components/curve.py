"""What is told of a training's epochs while it goes on: to people, to those who follow it, and to TensorBoard."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from trainer.pipeline.epochs import note_epoch
from trainer.pipeline.step import Context


class FinishedEpoch(Protocol):
    """An epoch, 1 to `of`, and what it showed: every other attribute is a figure; `auroc` is NaN where undefined."""

    @property
    def number(self) -> int: ...
    @property
    def of(self) -> int: ...
    @property
    def loss(self) -> float: ...
    @property
    def auroc(self) -> float: ...


def teller(context: Context, scratch: Path, logs: Path | None, chief: bool) -> Callable[[FinishedEpoch], None]:
    """Return what tells of a finished epoch: people, and from the chief those who follow the files.

    These are the curve in `scratch` and what TensorBoard reads in the folder `logs`, if one is named.
    """
    from trainer.eventlog import EventLog

    log = EventLog(logs) if logs is not None and chief else None

    def tell(epoch: FinishedEpoch) -> None:
        if chief:
            note_epoch(scratch, vars(epoch))
        if log is not None:
            log.add(epoch.number, {name: v for name, v in vars(epoch).items() if name not in ("number", "of")})
        judged = "" if math.isnan(epoch.auroc) else f", AUROC per part {epoch.auroc:.3f}"
        context.progress(f"epoch {epoch.number} of {epoch.of}, loss {epoch.loss:.3f}{judged}", epoch.number / epoch.of)

    return tell
