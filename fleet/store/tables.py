"""The tables of devices, models, rollouts and facts. Those of monitoring and people are in `monitoring_tables`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Index, LargeBinary, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from fleet.store.base import Base, Boot, Count, Json, Millis, Name, RowId, Sha


class Device(Base):
    """One enrolled device: who it is, what it shall run, and what it last said of itself."""

    __tablename__ = "devices"

    id: Mapped[Name] = mapped_column(primary_key=True)
    site: Mapped[Name] = mapped_column(index=True)
    line: Mapped[Name]
    device_class: Mapped[Name]
    credential: Mapped[str] = mapped_column(String(200))
    enrolled_ms: Mapped[Millis]
    revoked_ms: Mapped[int | None] = mapped_column(BigInteger)
    tags: Mapped[Json] = mapped_column(default=dict)
    desired: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    desired_generation: Mapped[Count]
    reported: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    state: Mapped[str] = mapped_column(String(20), default="")
    running: Mapped[Sha | None] = mapped_column(index=True)
    running_release: Mapped[Count]
    generation: Mapped[Count]
    health: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    online: Mapped[bool] = mapped_column(default=False)
    presence_boot: Mapped[Boot | None]
    presence_session: Mapped[Count]
    last_seen_ms: Mapped[int | None] = mapped_column(BigInteger)


class Model(Base):
    """A signed release of a model. A release that names an older bundle is the authorised way back to it."""

    __tablename__ = "models"

    name: Mapped[Name] = mapped_column(primary_key=True)
    release: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    version: Mapped[Name]
    bundle: Mapped[Sha] = mapped_column(index=True)
    manifest: Mapped[Json]
    blessed: Mapped[bool] = mapped_column(default=True)
    revert: Mapped[bool] = mapped_column(default=False)
    used: Mapped[bool] = mapped_column(default=False)
    published_ms: Mapped[Millis]


class Rollout(Base):
    """A release on its way to the devices in scope."""

    __tablename__ = "rollouts"

    id: Mapped[Name] = mapped_column(primary_key=True)
    name: Mapped[Name] = mapped_column(index=True)
    release: Mapped[Count]
    version: Mapped[Name]
    bundle: Mapped[Sha]
    state: Mapped[str] = mapped_column(String(20), index=True)
    stage: Mapped[Count]
    stages: Mapped[Json]
    settings: Mapped[Json]
    scope: Mapped[Json]
    can_prove: Mapped[Json]
    gates: Mapped[Json] = mapped_column(default=dict)
    reason: Mapped[str] = mapped_column(String(500), default="")
    created_by: Mapped[str] = mapped_column(String(63), default="")
    created_ms: Mapped[Millis]
    stage_ms: Mapped[Millis]
    ended_ms: Mapped[int | None] = mapped_column(BigInteger)


class RolloutDevice(Base):
    """Where one device stands within one rollout."""

    __tablename__ = "rollout_devices"
    __table_args__ = (Index("ix_rollout_devices_rollout_status", "rollout", "status"),)

    rollout: Mapped[Name] = mapped_column(primary_key=True)
    device: Mapped[Name] = mapped_column(primary_key=True, index=True)
    stage: Mapped[Count]
    status: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(500), default="")
    previous: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    generation: Mapped[Count]
    revert_generation: Mapped[Count]
    offered_ms: Mapped[int | None] = mapped_column(BigInteger)
    reached: Mapped[bool] = mapped_column(default=False)
    settled_ms: Mapped[int | None] = mapped_column(BigInteger)
    parts_before: Mapped[Count]
    failures_before: Mapped[Count]


class Event(Base):
    """One fact of one device. The key is (device, boot, seq): the same fact can arrive often and is stored once."""

    __tablename__ = "events"
    __table_args__ = (UniqueConstraint("device", "boot", "seq"), Index("ix_events_kind_id", "kind", "id"))

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    device: Mapped[Name]
    boot: Mapped[Boot]
    seq: Mapped[Count]
    kind: Mapped[str] = mapped_column(String(20))
    at_ms: Mapped[Millis]
    clock_suspect: Mapped[bool] = mapped_column(default=False, server_default=false())
    received_ms: Mapped[Millis]
    data: Mapped[Json]


class Window(Base):
    """A statistics window as it came; read it with `decode_window`. Scan by `id` to see each once."""

    __tablename__ = "windows"
    __table_args__ = (UniqueConstraint("device", "boot", "seq"), Index("ix_windows_schema_id", "schema_id", "id"))

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    device: Mapped[Name]
    boot: Mapped[Boot]
    seq: Mapped[Count]
    schema_id: Mapped[Sha]
    bundle: Mapped[Sha]
    started_ms: Mapped[Millis]
    ended_ms: Mapped[Millis]
    received_ms: Mapped[Millis]
    parts: Mapped[Count]
    clock_suspect: Mapped[bool] = mapped_column(default=False)
    digest: Mapped[Sha]
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class Position(Base):
    """How far one boot's stream is in the database: `seq` without a gap, `highest` seen at all."""

    __tablename__ = "stream_positions"

    device: Mapped[Name] = mapped_column(primary_key=True)
    boot: Mapped[Boot] = mapped_column(primary_key=True)
    stream: Mapped[str] = mapped_column(String(10), primary_key=True)
    seq: Mapped[Count]
    highest: Mapped[Count]


class Counter(Base):
    """A count derived from the events in the same transaction, per device and bundle ('' where there was none)."""

    __tablename__ = "device_counters"

    device: Mapped[Name] = mapped_column(primary_key=True)
    bundle: Mapped[Sha] = mapped_column(primary_key=True)
    name: Mapped[Name] = mapped_column(primary_key=True)
    value: Mapped[Count]


class Quarantine(Base):
    """A message that could not be taken in; repeated ones raise `times`."""

    __tablename__ = "quarantine"
    __table_args__ = (UniqueConstraint("topic", "digest"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    topic: Mapped[str] = mapped_column(String(300))
    device: Mapped[Name | None] = mapped_column(index=True)
    reason: Mapped[str] = mapped_column(String(500))
    digest: Mapped[Sha]
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    received_ms: Mapped[Millis]
    times: Mapped[Count] = mapped_column(default=1)


class Alert(Base):
    """Something a person should look at; one open alert per (kind, subject)."""

    __tablename__ = "alerts"
    __table_args__ = (UniqueConstraint("kind", "subject"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    kind: Mapped[Name]
    subject: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    first_ms: Mapped[Millis]
    last_ms: Mapped[Millis]
    times: Mapped[Count] = mapped_column(default=1)
    closed_ms: Mapped[int | None] = mapped_column(BigInteger)


class Audit(Base):
    """Who did what through the API."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(RowId, primary_key=True, autoincrement=True)
    at_ms: Mapped[Millis]
    actor: Mapped[str] = mapped_column(String(63))
    action: Mapped[str] = mapped_column(String(63))
    subject: Mapped[str] = mapped_column(String(200))
    detail: Mapped[Json] = mapped_column(default=dict)


class Token(Base):
    """A person's or a program's access; the token itself is never stored."""

    __tablename__ = "tokens"

    digest: Mapped[Sha] = mapped_column(primary_key=True)
    name: Mapped[Name]
    role: Mapped[str] = mapped_column(String(10))
    created_ms: Mapped[Millis]
    revoked_ms: Mapped[int | None] = mapped_column(BigInteger)
