"""The watch over the windows: each new one goes once into its device's and its site's stream; findings follow.

One transaction takes a batch of windows, moves the streams, and writes findings and tickets, so that a crash in
between repeats or forgets nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, delete, exists, func, select
from sqlalchemy.orm import Session

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.strict import Strict
from edge_agent.contracts.window import decode_window
from fleet.monitoring import findings, tickets
from fleet.monitoring.baselines import Baselines, Clock
from fleet.monitoring.cautions import CautionPolicy
from fleet.monitoring.detectors import Outcome, Pool, Reference, Stream, absorb
from fleet.monitoring.evidence import Budget
from fleet.monitoring.grouping import DEVICE, LATE, SITE, StreamKey
from fleet.monitoring.lifecycle import TicketPolicy
from fleet.monitoring.memory import dump, load
from fleet.store.database import Database
from fleet.store.monitoring_tables import DriftPoint, DriftStream, UsedWindow
from fleet.store.tables import Device, Window

_BATCH = 200
_LOOK_BACK = 10_000
_PRUNE_EVERY_MS = 3600 * 1000
_REASON_LENGTH = 300


class MonitoringSettings(Strict):
    """What a fleet may set: the budget, how tickets open and what they ask, and when a window came too late."""

    budget: Budget = Budget()
    tickets: TicketPolicy = TicketPolicy()
    caution: CautionPolicy = CautionPolicy()
    late_after_ms: int = 6 * 3600 * 1000
    active_ms: int = 7 * 24 * 3600 * 1000
    keep_ms: int = 90 * 24 * 3600 * 1000


@dataclass
class _Batch:
    """Streams touched by the batch, each with its reference."""

    streams: dict[StreamKey, tuple[Stream, Reference]] = field(default_factory=dict)


class Watch:
    """Feeds the detectors from the database. One process at a time may do this."""

    def __init__(self, database: Database, baselines: Baselines, settings: MonitoringSettings, clock: Clock) -> None:
        self._database = database
        self._baselines = baselines
        self._settings = settings
        self._clock = clock
        self._pruned_ms = 0

    def step(self) -> int:
        """Take in up to 200 new windows and return how many there were; call again at once while there are many."""
        with self._database.read() as session:
            waiting = session.scalar(_unused().limit(1))
        if waiting is None:
            return 0
        with self._database.begin() as session:
            return self._take(session)

    def _take(self, session: Session) -> int:
        batch, now = _Batch(), self._clock()
        sites = dict(session.execute(select(Device.id, Device.site)).tuples().all())
        streams = self._streams(session, sites, now)
        windows: Sequence[Window] = session.scalars(_unused().order_by(Window.id).limit(_BATCH)).all()
        for window in windows:
            outcome, reason = self._use(session, batch, window, sites, streams)
            row = UsedWindow(window=window.id, outcome=outcome.value, reason=reason[:_REASON_LENGTH], used_ms=now)
            session.add(row)
        self._save(session, batch, streams, now)
        self._prune(session, now)
        return len(windows)

    def _use(
        self, session: Session, batch: _Batch, window: Window, sites: dict[str, str], streams: int
    ) -> tuple[Outcome, str]:
        site = sites.get(window.device)
        if site is None:
            return Outcome.REFUSED, f"device '{window.device}' is not enrolled"
        if not window.payload:
            return Outcome.REFUSED, "it could not be read when it came; see the device's refusals"
        try:
            reference = self._baselines.reference(session, window.bundle)
            _, statistics = decode_window(window.payload, reference.baseline)
        except Rejected as error:
            return Outcome.REFUSED, str(error)
        assert statistics is not None
        late = window.received_ms - window.ended_ms > self._settings.late_after_ms and not window.clock_suspect
        pool = Pool(statistics, *self._times(window), window.parts)
        threshold = self._settings.budget.threshold(streams * len(reference.calibrators))
        outcomes = [
            self._absorb(session, batch, key, pool, reference, threshold)
            for key in _keys(site, window.device, window.bundle, late)
        ]
        return (Outcome.LATE if late else outcomes[-1]), ""

    @staticmethod
    def _times(window: Window) -> tuple[int, int]:
        """A suspect clock says how long the window was, the fleet's clock says when (M05)."""
        if not window.clock_suspect:
            return window.started_ms, window.ended_ms
        length = max(0, min(window.ended_ms - window.started_ms, 24 * 3600 * 1000))
        return window.received_ms - length, window.received_ms

    def _absorb(
        self, session: Session, batch: _Batch, key: StreamKey, pool: Pool, reference: Reference, threshold: float
    ) -> Outcome:
        if key not in batch.streams:
            row = session.get(DriftStream, (key.scope, key.site, key.device, key.bundle))
            batch.streams[key] = (load(row.state, reference.baseline) if row else Stream(), reference)
        stream, outcome = absorb(batch.streams[key][0], pool, reference, threshold)
        batch.streams[key] = (stream, reference)
        if outcome is Outcome.TESTED and (key.scope == SITE or stream.alarmed):
            session.add(_point(key, stream, threshold))
        return outcome

    def _save(self, session: Session, batch: _Batch, streams: int, now: int) -> None:
        for key, (stream, _) in batch.streams.items():
            session.merge(
                DriftStream(
                    scope=key.scope,
                    site=key.site,
                    device=key.device,
                    bundle=key.bundle,
                    alarmed=bool(stream.alarmed),
                    state=dump(stream),
                    updated_ms=now,
                )
            )
        session.flush()
        groups = {(key.scope == LATE, key.site, key.bundle): ref for key, (_, ref) in batch.streams.items()}
        for (late, site, bundle), reference in groups.items():
            threshold = self._settings.budget.threshold(streams * len(reference.calibrators))
            found = findings.refresh(session, site, bundle, reference, late, threshold, now)
            if found is not None and not late:
                tickets.follow(session, found, self._settings.tickets, now)

    def _prune(self, session: Session, now: int) -> None:
        if now - self._pruned_ms < _PRUNE_EVERY_MS:
            return
        self._pruned_ms = now
        oldest = now - self._settings.keep_ms
        newest = session.scalar(select(func.max(UsedWindow.window))) or 0
        session.execute(delete(DriftPoint).where(DriftPoint.at_ms < oldest))
        session.execute(delete(DriftStream).where(DriftStream.updated_ms < oldest, DriftStream.alarmed.is_(False)))
        session.execute(delete(UsedWindow).where(UsedWindow.used_ms < oldest, UsedWindow.window < newest - _LOOK_BACK))

    def _streams(self, session: Session, sites: dict[str, str], now: int) -> int:
        """The streams that share the budget: those that were active lately, at least one per device and site."""
        fresh = DriftStream.updated_ms > now - self._settings.active_ms
        active = session.scalar(select(func.count()).select_from(DriftStream).where(fresh)) or 0
        return max(active, len(sites) + len(set(sites.values())))


def _unused() -> Select[Any]:
    used = select(UsedWindow.window).where(UsedWindow.window == Window.id).correlate(Window)
    newest = select(func.coalesce(func.max(UsedWindow.window), 0)).scalar_subquery()
    return select(Window).where(Window.id > newest - _LOOK_BACK, ~exists(used))


def _keys(site: str, device: str, bundle: str, late: bool) -> tuple[StreamKey, ...]:
    if late:
        return (StreamKey(LATE, site, device, bundle),)
    return StreamKey(DEVICE, site, device, bundle), StreamKey(SITE, site, "", bundle)


def _point(key: StreamKey, stream: Stream, threshold: float) -> DriftPoint:
    test = stream.recent[-1]
    strongest = max(test.readings.values(), key=lambda reading: (reading.evidence, reading.score))
    return DriftPoint(
        scope=key.scope,
        site=key.site,
        device=key.device,
        bundle=key.bundle,
        at_ms=test.ended_ms,
        parts=test.parts,
        feature=strongest.feature,
        score=strongest.score,
        evidence=strongest.evidence,
        threshold=threshold,
    )
