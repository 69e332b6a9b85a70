"""What stations have seen of one model in a span of time, merged from their windows as they lie in the database."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.seen import Seen, seen_features
from edge_agent.contracts.window import Statistics, decode_window
from fleet.monitoring.baselines import Baselines
from fleet.store.tables import Device, Model, Window

_AT_ONCE = 500


@dataclass(frozen=True)
class Wanted:
    """Which windows: of a model (`version` "" = its latest release), of a site or a device, that ended in a span."""

    model: str
    version: str = ""
    site: str = ""
    device: str = ""
    since_ms: int = 0
    until_ms: int = 1 << 62


def merged(session: Session, baselines: Baselines, wanted: Wanted) -> Seen:
    """Merge the windows. A window that cannot be read was told when it came, and is left out.

    Raises Rejected for an unknown model and where no window is left, saying what there is instead.
    """
    release = _release(session, wanted)
    baseline = baselines.reference(session, release.bundle).baseline
    total = Statistics.empty(baseline)
    devices: set[str] = set()
    windows = parts = 0
    since, until = 1 << 62, 0
    for window in session.scalars(_query(release.bundle, wanted)).yield_per(_AT_ONCE):
        try:
            _, statistics = decode_window(window.payload, baseline)
        except Rejected:
            continue
        assert statistics is not None
        total.merge(statistics)
        windows, parts = windows + 1, parts + window.parts
        devices.add(window.device)
        since, until = min(since, window.started_ms), max(until, window.ended_ms)
    if not windows:
        raise Rejected(
            f"no windows of {release.name} {release.version} with these conditions; 'fleet devices' shows what runs "
            "where, --version names another release"
        )
    return Seen(
        model=release.name,
        version=release.version,
        bundle=release.bundle,
        windows=windows,
        parts=parts,
        devices=tuple(sorted(devices)),
        since_ms=since,
        until_ms=until,
        baseline=baseline,
        features=seen_features(total),
        counters=dict(sorted(total.counters.items())),
    )


def _release(session: Session, wanted: Wanted) -> Model:
    query = select(Model).where(Model.name == wanted.model, Model.revert.is_(False)).order_by(Model.release.desc())
    found = session.scalars(query if not wanted.version else query.where(Model.version == wanted.version)).first()
    if found is None:
        known = ", ".join(sorted({f"{m.name} {m.version}" for m in session.scalars(select(Model).limit(20))}))
        asked = " ".join(word for word in (wanted.model, wanted.version) if word)
        raise Rejected(f"no model '{asked}' in the registry; it has {known or 'none'}")
    return found


def _query(bundle: str, wanted: Wanted) -> Select[Window]:
    query = select(Window).where(Window.bundle == bundle, Window.payload != b"")
    query = query.where(Window.ended_ms >= wanted.since_ms, Window.ended_ms < wanted.until_ms)
    if wanted.device:
        query = query.where(Window.device == wanted.device)
    if wanted.site:
        query = query.where(Window.device.in_(select(Device.id).where(Device.site == wanted.site)))
    return query.order_by(Window.id)
