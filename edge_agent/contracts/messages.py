"""The messages between a device and the fleet, one model per channel (docs/formats/messages.md).

All times are milliseconds since 1970 in UTC by the sender's clock, which may be wrong: order comes from
(boot, stream, seq), never from time. A receiver treats every message as possibly repeated.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationError

from edge_agent.contracts.encoding import Digest, Identifier, canonical_json
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.states import UpdateState
from edge_agent.contracts.strict import Strict
from edge_agent.contracts.verdict import Automation

Text = Annotated[str, Field(max_length=500)]
Millis = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
MAX_MESSAGE_BYTES = 256 * 1024


class Lenient(Strict):
    """A frozen model whose sender may be newer: keys it does not know are ignored, not refused."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Message(Lenient):
    """Base of what is a whole payload of its own."""

    schema_version: Literal[1] = 1


class ModelRef(Lenient):
    """A release of a model, as the registry signed it: target `<name>/<release>/manifest.json`."""

    name: Identifier
    version: Identifier
    release: Annotated[int, Field(ge=1)]
    bundle: Digest

    @property
    def target(self) -> str:
        """Path of the signed manifest in the TUF repository."""
        return f"{self.name}/{self.release}/manifest.json"


class Strategy(str, Enum):
    """How a device takes a new model into use.

    `BLUE_GREEN`: as `DIRECT`, and the one before is held in memory until the next update, over restarts too.
    """

    DIRECT = "direct"
    SHADOW = "shadow"
    BLUE_GREEN = "blue-green"


class Probation(Lenient):
    """How long a freshly activated model is watched before it is committed."""

    seconds: Annotated[float, Field(ge=0)] = 30.0
    parts: Count = 20
    errors_max: Count = 2


class Sampling(Lenient):
    """Shares of parts that people answer for measuring, drawn at random.

    `audit`: of all judged parts, whatever their score; `weighted`: of accepted parts, with a probability that rises
    with the score, up to this share at the accept threshold.
    """

    audit: Annotated[float, Field(ge=0, le=1)] = 0.0
    weighted: Annotated[float, Field(ge=0, le=1)] = 0.0
    review_images: bool = True


class Caution(Lenient):
    """The fleet mistrusts a model on this device: while it runs `bundle`, people decide (docs/automation.md).

    `reason` says why in a sentence a person can check, `ticket` names the fleet's ticket that holds until it is closed.
    """

    bundle: Digest
    reason: Text
    ticket: Identifier | None = None


class Desired(Message):
    """The whole state a device shall reach; a lower generation than the last seen is ignored, even if retained.

    `parts_share` is the share of the parts that a model beside the champion (strategy `shadow`) decides, drawn at
    random. A device that does not know it lets the model judge and move nothing.
    """

    generation: Annotated[int, Field(ge=1)]
    at_ms: Millis
    model: ModelRef | None = None
    strategy: Strategy = Strategy.DIRECT
    parts_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    rollout: Identifier | None = None
    deadline_ms: Millis | None = None
    probation: Probation = Probation()
    automation: Automation | None = None
    sampling: Sampling = Sampling()
    caution: Caution | None = None


class Installed(Lenient):
    """The release that a station judges a recipe's parts with."""

    bundle: Digest
    release: Count = 0


class Reported(Message):
    """The whole state a device is in.

    `running` is what judges now. A station that makes several products names the recipe in force and, in `recipes`,
    each one's release by the model's name: there `running` says nothing of the recipes that rest.
    """

    generation: Count
    at_ms: Millis
    boot: UUID
    state: UpdateState
    reason: Text = ""
    target: Digest | None = None
    running: Digest | None = None
    running_release: Count = 0
    last_good: Digest | None = None
    rollout: Identifier | None = None
    automation: Automation = Automation.PARTIAL
    ready: bool = False
    device_class: Identifier = "generic"
    versions: dict[str, str] = {}
    clock_suspect: bool = False
    recipe: Identifier | None = None
    recipes: dict[Identifier, Installed] = {}

    def installed(self, model: str) -> Installed | None:
        """Return the release in use for a model's recipe, None where there is none."""
        if self.recipe is not None:
            return self.recipes.get(model)
        return Installed(bundle=self.running, release=self.running_release) if self.running else None


class Presence(Message):
    """Birth (online) or the will (offline). An offline of another (boot, session) than the last birth is stale."""

    online: bool
    boot: UUID
    session: Count
    at_ms: Millis


class Stream(str, Enum):
    """The two streams of facts that are kept until acknowledged."""

    EVENT = "event"
    WINDOW = "window"


class Position(Lenient):
    """Everything up to `seq` of one boot's stream is in the fleet's database."""

    boot: UUID
    stream: Stream
    seq: Count


class Ack(Message):
    """Answer of the fleet to events and windows; may name several boots."""

    positions: Annotated[tuple[Position, ...], Field(min_length=1, max_length=64)]


class Health(Message):
    """Cumulative counters since the device's journal began, so that a lost message does no harm."""

    boot: UUID
    at_ms: Millis
    uptime_s: float
    counters: dict[str, int]
    gauges: dict[str, float] = {}


class Command(Message):
    """A request to a device, void after `expires_ms` by the fleet's clock."""

    id: UUID
    expires_ms: Millis
    name: Literal["report", "selftest", "snapshot", "resync"]
    arguments: dict[str, Any] = {}


M = TypeVar("M", bound=Message)


def encode(message: Message) -> bytes:
    """Return the message as canonical JSON bytes."""
    return canonical_json(message)


def decode(model: type[M], payload: bytes) -> M:
    """Validate a payload from the network. Raises Rejected with the first problem."""
    if len(payload) > MAX_MESSAGE_BYTES:
        raise Rejected(f"{model.__name__}: {len(payload)} bytes, at most {MAX_MESSAGE_BYTES} are read")
    try:
        return model.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Rejected(f"{model.__name__}: {where}: {first['msg']}") from error
