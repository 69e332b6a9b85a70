"""What the line is told and may ask for: bytes, signatures and refusals."""

from __future__ import annotations

import base64
import json

import pytest

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.line_messages import (
    ID_MAX,
    SERIAL_MAX,
    Notice,
    TriggerMessage,
    decode_trigger,
    utc,
    webhook_headers,
    webhook_secret,
)

NOTICE = Notice(
    part=9,
    boot="0b",
    seq=4,
    serial="Größe 7",
    verdict="reject",
    reason="model",
    label="scratch",
    score=0.75,
    bundle=None,
    at=utc(1_700_000_000_123),
    id="m1",
)


def test_a_notice_is_canonical_json() -> None:
    assert NOTICE.encode().decode() == (
        '{"at":"2023-11-14T22:13:20.123Z","boot":"0b","bundle":null,"id":"m1","label":"scratch","part":9,'
        '"reason":"model","score":0.75,"seq":4,"serial":"Größe 7","verdict":"reject"}'
    )
    assert NOTICE.key == "0b-4"


def test_a_notice_says_what_was_wrong_with_the_picture_and_nothing_where_nothing_was() -> None:
    dark = NOTICE.model_copy(update={"reason": "bad-image", "detail": "black"})
    assert json.loads(dark.encode())["detail"] == "black"
    assert "detail" not in json.loads(NOTICE.encode())


def test_the_signature_is_that_of_the_standard_webhooks_specification() -> None:
    """The example that the specification's own libraries are tested with."""
    key = webhook_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = webhook_headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize(
    "text", ["", "whsec_", "geheim!", base64.b64encode(bytes(23)).decode(), base64.b64encode(bytes(65)).decode()]
)
def test_a_secret_that_is_too_short_or_no_base64_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match=r"base64|expected 24 to 64"):
        webhook_secret(text)


@pytest.mark.parametrize("payload", [b"", b"  \n", b"{}", b'{"station": 4}'])
def test_a_trigger_needs_no_serial_and_no_id(payload: bytes) -> None:
    assert decode_trigger(payload) == TriggerMessage()


def test_a_trigger_names_serial_and_id() -> None:
    assert decode_trigger(b'{"serial": "S1", "id": "7"}') == TriggerMessage(serial="S1", id="7")


@pytest.mark.parametrize(
    "payload",
    [
        b"go",
        b"[]",
        b"null",
        b'{"serial": 5}',
        b'{"serial": null}',
        b"\xff\xfe",
        json.dumps({"serial": "s" * (SERIAL_MAX + 1)}).encode(),
        json.dumps({"id": "i" * (ID_MAX + 1)}).encode(),
        b'{"serial": "a"}' + b" " * 5000,
    ],
)
def test_what_is_no_trigger_is_refused_in_one_line(payload: bytes) -> None:
    with pytest.raises(Rejected) as refused:
        decode_trigger(payload)
    assert len(str(refused.value).splitlines()) == 1
