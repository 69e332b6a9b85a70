"""Going on with a run that was killed or failed: which one, from which step, after which epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError, Unavailable
from trainer.inspect import outlook
from trainer.pipeline.cache import Store
from trainer.pipeline.epochs import epochs_of
from trainer.pipeline.progress import Display
from trainer.pipeline.runs import Runs, unfinished
from trainer.request import Request
from trainer.run import run_pipeline


@dataclass(frozen=True)
class Resumption:
    """A run to go on with: its request, the first `step` that is not done, and that step's finished epochs."""

    run: str
    request: Request
    step: str
    epoch: int

    @property
    def text(self) -> str:
        """Say it in a line."""
        after = f" after epoch {self.epoch}" if self.epoch else ""
        return f"run {self.run} goes on with {self.step}{after}" if self.step else f"run {self.run}: all steps are done"


def to_resume(root: Path) -> Resumption:
    """Look for what can be gone on with.

    Raises ConfigError when nothing ran or all is finished, Unavailable when the run is still under way.
    """
    runs = Runs(root)
    runs.latest()
    record = unfinished(runs.last())
    if record is None:
        raise ConfigError(f"{root}: the last run finished; there is nothing to go on with")
    if runs.is_alive(record.run):
        raise Unavailable(f"run {record.run} is under way in process {runs.process(record.run)}; wait for it")
    request = Request.of(record.arguments, root)
    ahead = next((one for one in outlook(request) if one.state == "would run"), None)
    epoch = epochs_done(Store(root).scratch / ahead.key[:16]) if ahead and ahead.key else 0
    return Resumption(record.run, request, ahead.step if ahead else "", epoch)


def epochs_done(scratch: Path) -> int:
    """Return the number of the last epoch that a step noted in its scratch folder; 0 when it noted none."""
    epochs = epochs_of(scratch)
    return int(epochs[-1]["number"]) if epochs else 0


def go_on(found: Resumption, display: Display, run: Callable[..., dict[str, Any]] = run_pipeline) -> dict[str, Any]:
    """Run it again; a run that served a ticket serves it to its end. Returns and raises as `run_pipeline`."""
    request = found.request
    if not request.ticket:
        return run(request, display)
    from trainer.retraining.tickets import serve_ticket

    tickets = (request.root / "tickets").resolve()
    own = tuple(folder for folder in request.folders if tickets not in folder.resolve().parents)
    assignments = tuple(one for one in request.assignments if one != "trainer.warm_start=true")
    base = replace(request, folders=own, assignments=assignments)
    return serve_ticket(base, request.ticket, Path(request.fleet_home), display)
