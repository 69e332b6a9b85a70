"""Findings in the database: one per site and model while it lasts, with the numbers a person judges it by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from fleet.monitoring.baselines import model_of
from fleet.monitoring.detectors import Reading, Reference, Stream
from fleet.monitoring.grouping import DEVICE, LATE, SITE, SiteFinding, StreamKey, site_finding
from fleet.monitoring.memory import load
from fleet.store.monitoring_tables import DriftPoint, DriftStream, Finding

OPEN, ENDED, LATE_STATE = "open", "ended", "late"
_CHARTS = 6
_POINTS = 120


def refresh(
    session: Session, site: str, bundle: str, reference: Reference, late: bool, threshold: float, now: int
) -> Finding | None:
    """Bring the finding of a site and bundle up to date with its streams; return it while it is open.

    The cause is settled when the finding opens; effect sizes, windows and devices follow as more comes in.
    """
    found = site_finding(_alarmed(session, site, bundle, reference, late), reference)
    state = LATE_STATE if late else OPEN
    known = session.scalar(
        select(Finding).where(Finding.site == site, Finding.bundle == bundle, Finding.state == state).limit(1)
    )
    if found is None:
        if known is not None and not late:
            known.state, known.ended_ms = ENDED, now
        return None
    if known is None:
        known = _opened(session, found, state)
    _update(known, found, reference, threshold)
    session.flush()
    return known


def _alarmed(session: Session, site: str, bundle: str, reference: Reference, late: bool) -> dict[StreamKey, Stream]:
    rows = session.scalars(
        select(DriftStream).where(
            DriftStream.site == site,
            DriftStream.bundle == bundle,
            DriftStream.alarmed.is_(True),
            DriftStream.scope.in_((LATE,) if late else (SITE, DEVICE)),
        )
    )
    return {StreamKey(row.scope, row.site, row.device, row.bundle): load(row.state, reference.baseline) for row in rows}


def _opened(session: Session, found: SiteFinding, state: str) -> Finding:
    model, version = model_of(session, found.bundle)
    finding = Finding(
        site=found.site,
        bundle=found.bundle,
        model=model,
        version=version,
        state=state,
        cause=found.diagnosis.cause.value,
        text=found.diagnosis.text,
        first_ms=found.first_ms,
    )
    session.add(finding)
    return finding


def _update(finding: Finding, found: SiteFinding, reference: Reference, threshold: float) -> None:
    if found.diagnosis.cause.value == finding.cause:
        finding.text = found.diagnosis.text
    finding.devices = list(found.devices)
    finding.features = [_numbers(found.readings[name]) for name in found.alarmed]
    finding.charts = [_chart(found, reference, name) for name in found.alarmed[:_CHARTS]]
    finding.windows, finding.parts = found.windows.windows, found.windows.parts
    finding.threshold, finding.last_ms = threshold, found.last_ms
    finding.first_ms = min(finding.first_ms, found.first_ms)


def _numbers(reading: Reading) -> dict[str, Any]:
    return {
        "name": reading.feature,
        "n": reading.n,
        "score": round(reading.score, 4),
        "shift": round(reading.shift, 4),
        "mean": round(reading.mean, 6),
        "training_mean": round(reading.training_mean, 6),
        "p_value": reading.p_value,
        "evidence": reading.evidence,
    }


def _chart(found: SiteFinding, reference: Reference, name: str) -> dict[str, Any]:
    feature = reference.feature(name)
    tally = found.windows.statistics.tallies[name]
    return {
        "name": name,
        "edges": list(feature.edges),
        "training": list(feature.counts),
        "live": list(tally.bins),
        "shift": round(found.readings[name].shift, 4),
        "n": tally.n,
    }


def listing(session: Session, states: Sequence[str] = (OPEN, LATE_STATE, ENDED), limit: int = 100) -> list[Finding]:
    """Return findings of these states, newest first."""
    chosen = select(Finding).where(Finding.state.in_(states)).order_by(Finding.last_ms.desc(), Finding.id.desc())
    return list(session.scalars(chosen.limit(limit)))


def time_line(session: Session, finding: Finding) -> list[dict[str, Any]]:
    """Return the latest tests behind a finding, oldest first: the site's, or one device's where only devices alarm."""
    chosen = select(DriftPoint).where(DriftPoint.site == finding.site, DriftPoint.bundle == finding.bundle)
    for scope in (SITE, DEVICE, LATE):
        device = "" if scope == SITE else next(iter(finding.devices), "")
        newest = chosen.where(DriftPoint.scope == scope, DriftPoint.device == device).order_by(
            DriftPoint.at_ms.desc(), DriftPoint.id.desc()
        )
        points = list(session.scalars(newest.limit(_POINTS)))
        if any(point.evidence >= point.threshold for point in points):
            break
    return [
        {"at_ms": p.at_ms, "feature": p.feature, "score": p.score, "evidence": p.evidence, "parts": p.parts}
        for p in reversed(points)
    ]


def as_json(finding: Finding) -> dict[str, Any]:
    """Return the finding as the API shows it."""
    return {
        "id": finding.id,
        "site": finding.site,
        "bundle": finding.bundle,
        "model": finding.model,
        "version": finding.version,
        "state": finding.state,
        "cause": finding.cause,
        "text": finding.text,
        "devices": finding.devices,
        "features": finding.features,
        "windows": finding.windows,
        "parts": finding.parts,
        "threshold": finding.threshold,
        "first_ms": finding.first_ms,
        "last_ms": finding.last_ms,
        "ended_ms": finding.ended_ms,
        "ticket": finding.ticket,
    }
