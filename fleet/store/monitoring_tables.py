"""The tables of monitoring and people: streams of windows, findings, retrain tickets, pictures."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Float, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from fleet.store.base import Base, Count, Json, Millis, Name, RowId, Sha


class DriftStream(Base):
    """What a detector remembers of one device's or one site's windows of one bundle (`monitoring.memory`)."""

    __tablename__ = "drift_streams"
    __table_args__ = (Index("ix_drift_streams_site_bundle_alarmed", "site", "bundle", "alarmed"),)

    scope: Mapped[str] = mapped_column(String(12), primary_key=True)
    site: Mapped[Name] = mapped_column(primary_key=True)
    device: Mapped[Name] = mapped_column(primary_key=True)
    bundle: Mapped[Sha] = mapped_column(primary_key=True)
    alarmed: Mapped[bool] = mapped_column(default=False)
    state: Mapped[bytes] = mapped_column(LargeBinary)
    updated_ms: Mapped[Millis] = mapped_column(index=True)


class UsedWindow(Base):
    """A window that monitoring has taken in, and what became of it; each is used once."""

    __tablename__ = "drift_windows"

    window: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    outcome: Mapped[str] = mapped_column(String(14))
    reason: Mapped[str] = mapped_column(String(300), default="")
    used_ms: Mapped[Millis]


class DriftPoint(Base):
    """One test of one stream on the time line: its strongest feature, and score and evidence of all that moved."""

    __tablename__ = "drift_points"
    __table_args__ = (Index("ix_drift_points_site_bundle_at_ms", "site", "bundle", "at_ms"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    scope: Mapped[str] = mapped_column(String(12))
    site: Mapped[Name]
    device: Mapped[Name]
    bundle: Mapped[Sha]
    at_ms: Mapped[Millis]
    parts: Mapped[Count]
    feature: Mapped[str] = mapped_column(String(64))
    score: Mapped[float] = mapped_column(Float)
    evidence: Mapped[float] = mapped_column(Float)
    threshold: Mapped[float] = mapped_column(Float)


class Finding(Base):
    """What is wrong at one site with one model: `open` while it lasts, `ended`, or `late` (seen only afterwards).

    `judged` is what a trainer found on newly labelled parts.
    """

    __tablename__ = "findings"
    __table_args__ = (Index("ix_findings_site_bundle_state", "site", "bundle", "state"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    site: Mapped[Name]
    bundle: Mapped[Sha]
    model: Mapped[Name]
    version: Mapped[Name]
    state: Mapped[str] = mapped_column(String(8), index=True)
    cause: Mapped[str] = mapped_column(String(14))
    text: Mapped[str] = mapped_column(String(500))
    devices: Mapped[list[str]] = mapped_column(JSON)
    features: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    charts: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    windows: Mapped[Count]
    parts: Mapped[Count]
    threshold: Mapped[float] = mapped_column(Float)
    first_ms: Mapped[Millis]
    last_ms: Mapped[Millis]
    ended_ms: Mapped[int | None] = mapped_column(BigInteger)
    ticket: Mapped[Name | None] = mapped_column(index=True)


class Ticket(Base):
    """A request to train again, with its evidence; one live ticket per (model, group of sites, cause)."""

    __tablename__ = "tickets"
    __table_args__ = (Index("ix_tickets_model_site_group_cause", "model", "site_group", "cause"),)

    id: Mapped[Name] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(10), index=True)
    cause: Mapped[str] = mapped_column(String(14))
    mode: Mapped[str] = mapped_column(String(10))
    site: Mapped[Name]
    site_group: Mapped[Name]
    model: Mapped[Name]
    version: Mapped[Name]
    bundle: Mapped[Sha]
    evidence: Mapped[Json]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    changed_by: Mapped[str] = mapped_column(String(63), default="")
    note: Mapped[str] = mapped_column(String(500), default="")
    created_ms: Mapped[Millis]
    changed_ms: Mapped[Millis]


class Image(Base):
    """A picture that a device uploaded; the bytes lie below the fleet's home under their hash."""

    __tablename__ = "images"

    sha: Mapped[Sha] = mapped_column(primary_key=True)
    device: Mapped[Name] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(4))
    size: Mapped[Count]
    received_ms: Mapped[Millis]
