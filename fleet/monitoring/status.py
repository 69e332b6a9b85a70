"""The watch as a running server needs it: its settings, its loop, and what it covers."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import LinesideError
from edge_agent.contracts.strict import load_yaml
from fleet.context import Context
from fleet.monitoring.baselines import Baselines
from fleet.monitoring.watch import MonitoringSettings, Watch
from fleet.store.monitoring_tables import DriftStream, UsedWindow

SETTINGS_FILE = "monitoring.yaml"
_log = logging.getLogger("lineside.monitoring")


def settings_of(home: Path) -> MonitoringSettings:
    """Return the settings in HOME/monitoring.yaml, or the defaults where there is no such file."""
    path = home / SETTINGS_FILE
    return load_yaml(MonitoringSettings, path) if path.exists() else MonitoringSettings()


def watch_of(context: Context) -> Watch:
    """Make the watch of a running server."""
    settings = settings_of(context.home.folder)
    baselines = Baselines(BundleFolder(context.home.registry), settings.budget)
    return Watch(context.database, baselines, settings, context.now_ms)


def keep_watching(watch: Watch, stop: threading.Event, period_s: float = 1.0) -> None:
    """Take in windows until `stop`; a database that is away is tried again. Run this in one thread of one process."""
    while not stop.is_set():
        try:
            while watch.step() and not stop.is_set():
                continue
            pause = period_s
        except LinesideError as error:
            _log.warning("windows wait to be judged: %s", error)
            pause = 5 * period_s
        stop.wait(pause)


def coverage(session: Session, home: Path, now: int) -> dict[str, Any]:
    """Return how many streams are watched, what became of the windows, and the budget of false alarms."""
    settings = settings_of(home)
    fresh = DriftStream.updated_ms > now - settings.active_ms
    streams = session.scalar(select(func.count()).select_from(DriftStream).where(fresh)) or 0
    outcomes = select(UsedWindow.outcome, func.count()).group_by(UsedWindow.outcome)
    return {
        "streams": streams,
        "windows": dict(session.execute(outcomes).tuples().all()),
        "budget": settings.budget.model_dump(mode="json"),
        "mode": settings.tickets.mode.value,
    }
