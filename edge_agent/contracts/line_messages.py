"""What a station and the line it stands in say to each other by MQTT and HTTP (docs/formats/outputs.md).

The fleet's messages are another matter: `edge_agent.contracts.messages`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import datetime, timezone
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_agent.contracts.encoding import canonical_json
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.strict import Strict

SERIAL_MAX, ID_MAX, RECIPE_MAX = 200, 100, 63
_TRIGGER_BYTES_MAX = 4096
_SECRET_PREFIX = "whsec_"
_SECRET_BYTES = range(24, 65)


class Notice(Strict):
    """A finished part, as a receiver is told of it. (`boot`, `seq`) is the same in each repeat.

    `part` counts the rows of the station's journal, `seq` the parts of one start of the station. `id` is that of the
    trigger's message, "" where it had none. `verdict` is accept or reject; `at` is when the station judged, in UTC.
    `detail` says more of a reason that is about the picture (`edge_agent.contracts.verdict.Detail`); without one, the
    key is left out, so that what an earlier agent has told is told again the same to the byte.
    """

    part: int
    boot: str
    seq: int
    serial: str
    verdict: str
    reason: str
    label: str
    score: float | None
    bundle: str | None
    at: str
    id: str = ""
    detail: str = ""

    @property
    def key(self) -> str:
        """The name under which receivers know repeats."""
        return f"{self.boot}-{self.seq}"

    def encode(self) -> bytes:
        """Return the canonical JSON, the same bytes for each repeat."""
        content = self.model_dump(mode="json")
        return canonical_json({key: value for key, value in content.items() if key != "detail" or value})


class TriggerMessage(BaseModel):
    """A request for a part. With an `id`, repeats of the message make no second part.

    `recipe` is the product it is of, by name or number; a station that makes another one rejects it.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    serial: Annotated[str, Field(max_length=SERIAL_MAX)] = ""
    id: Annotated[str, Field(max_length=ID_MAX)] = ""
    recipe: Annotated[str, Field(max_length=RECIPE_MAX)] = ""


def decode_trigger(payload: bytes) -> TriggerMessage:
    """Return what an MQTT message asks for; an empty one asks for a part without a name. Raises Rejected."""
    if not payload.strip():
        return TriggerMessage()
    if len(payload) > _TRIGGER_BYTES_MAX:
        raise Rejected(f"a trigger of {len(payload)} bytes; at most {_TRIGGER_BYTES_MAX} are taken")
    try:
        return TriggerMessage.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the message"
        raise Rejected(f'{where}: {first["msg"]}; send {{"serial": "...", "id": "..."}} or nothing') from error


def utc(at_ms: int) -> str:
    """Return milliseconds since 1970 as RFC 3339.

    >>> utc(1_500)
    '1970-01-01T00:00:01.500Z'
    """
    moment = datetime.fromtimestamp(at_ms / 1000, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def webhook_secret(text: str) -> bytes:
    """Return the key of a webhook secret: `whsec_` and 24 to 64 bytes in base64. Raises Rejected for anything else."""
    try:
        key = base64.b64decode(text.strip().removeprefix(_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Rejected("not base64") from error
    if len(key) not in _SECRET_BYTES:
        raise Rejected(f"{len(key)} bytes, expected {_SECRET_BYTES.start} to {_SECRET_BYTES.stop - 1}")
    return key


def webhook_headers(key: bytes, message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of the Standard Webhooks scheme; `at_s` is the time of sending in seconds since 1970."""
    signed = f"{message_id}.{at_s}.".encode() + body
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(at_s), "webhook-signature": f"v1,{signature}"}
