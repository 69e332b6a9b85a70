"""What travels on `event`: facts of a station, each with its place in the stream (docs/formats/messages.md)."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from edge_agent.contracts.encoding import Digest, Identifier
from edge_agent.contracts.messages import Count, Lenient, Message, Millis, Text
from edge_agent.contracts.states import UpdateState
from edge_agent.contracts.verdict import Reason, Verdict


class Decided(Lenient):
    """One part has its final verdict. `detail` says more of the reason (`edge_agent.contracts.verdict.Detail`)."""

    kind: Literal["decided"] = "decided"
    part: Count
    part_boot: UUID
    serial: Text = ""
    verdict: Verdict
    final: Verdict
    reason: Reason
    label: str = ""
    score: float | None = None
    bundle: Digest | None = None
    operator: Text = ""
    latency_ms: float | None = None
    image: Digest | None = None
    detail: Text = ""


class Reviewed(Lenient):
    """A person said what a part is. `late` answers never moved the gate but are labels all the same.

    `training` is false for the half of the uniform audit that measures and never trains.
    """

    kind: Literal["reviewed"] = "reviewed"
    part: Count
    part_boot: UUID
    serial: Text = ""
    operator: Text
    verdict: Verdict
    label: str = ""
    machine: Verdict
    score: float | None = None
    bundle: Digest | None = None
    late: bool = False
    conflict: bool = False
    sampled: Literal["review", "audit", "challenge"] = "review"
    training: bool = True
    image: Digest | None = None


class Transition(Lenient):
    """The model update on the device moved to another state."""

    kind: Literal["transition"] = "transition"
    before: UpdateState
    after: UpdateState
    reason: Text = ""
    generation: Count
    rollout: Identifier | None = None
    bundle: Digest | None = None


class Fault(Lenient):
    """Something on the station broke (`active`) or is whole again."""

    kind: Literal["fault"] = "fault"
    code: Identifier
    active: bool
    detail: Text = ""


EventData = Annotated[Decided | Reviewed | Transition | Fault, Field(discriminator="kind")]


class Event(Lenient):
    """A fact with its place in the device's stream: seq counts from 1 within a boot, without gaps."""

    seq: Annotated[int, Field(ge=1)]
    at_ms: Millis
    data: EventData


class EventBatch(Message):
    """What travels on `event`: consecutive events of one boot."""

    boot: UUID
    clock_suspect: bool = False
    events: Annotated[tuple[Event, ...], Field(min_length=1, max_length=500)]
