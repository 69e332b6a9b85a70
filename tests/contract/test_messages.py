from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.events import Decided, Event, EventBatch
from edge_agent.contracts.messages import MAX_MESSAGE_BYTES, Ack, Desired, ModelRef, Position, Stream, decode, encode
from edge_agent.contracts.verdict import Reason, Verdict

BOOT = UUID("00000000-0000-4000-8000-000000000001")


def test_desired_survives_the_wire_byte_for_byte():
    model = ModelRef(name="tile", version="1.0.0", release=3, bundle="a" * 64)
    desired = Desired(generation=7, at_ms=1, model=model)
    payload = encode(desired)
    assert decode(Desired, payload) == desired
    assert encode(decode(Desired, payload)) == payload
    assert model.target == "tile/3/manifest.json"


def test_a_newer_sender_may_add_keys():
    payload = encode(Desired(generation=1, at_ms=0)).replace(b'"generation":1', b'"generation":1,"added":{"x":1}')
    assert decode(Desired, payload).generation == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'{"schema_version":2,"generation":1,"at_ms":0}',
        b'{"schema_version":1,"generation":0,"at_ms":0}',
        b'{"schema_version":1,"generation":"1e400","at_ms":0}',
        b'{"generation":1,"at_ms":0,"model":{"name":"../x","version":"1","release":1,"bundle":"' + b"a" * 64 + b'"}}',
        b"\xff\xfe",
        b"x" * (MAX_MESSAGE_BYTES + 1),
    ],
)
def test_bad_payloads_are_rejected_with_one_line(payload: bytes):
    with pytest.raises(Rejected) as caught:
        decode(Desired, payload)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200))
def test_no_payload_raises_anything_but_rejected(payload: bytes):
    for model in (Desired, EventBatch, Ack):
        try:
            decode(model, payload)
        except Rejected:
            continue


@given(
    seq=st.integers(1, 2**40),
    score=st.none() | st.floats(0, 1),
    verdict=st.sampled_from(Verdict),
    reason=st.sampled_from(Reason),
    serial=st.text(max_size=60),
)
def test_events_survive_the_wire(seq: int, score: float | None, verdict: Verdict, reason: Reason, serial: str):
    data = Decided(
        part=seq, part_boot=BOOT, serial=serial, verdict=verdict, final=Verdict.REJECT, reason=reason, score=score
    )
    batch = EventBatch(boot=BOOT, events=(Event(seq=seq, at_ms=5, data=data),))
    assert decode(EventBatch, encode(batch)) == batch


def test_a_detail_that_is_not_known_yet_is_read_as_text():
    data = Decided(part=1, part_boot=BOOT, verdict=Verdict.REJECT, final=Verdict.REJECT, reason=Reason.BAD_IMAGE)
    batch = encode(EventBatch(boot=BOOT, events=(Event(seq=1, at_ms=5, data=data),)))
    older = batch.replace(b'"detail":"",', b"")
    newer = batch.replace(b'"detail":""', b'"detail":"rolled-over"')
    assert len(older) < len(batch) < len(newer)
    assert decode(EventBatch, older).events[0].data.detail == ""
    assert decode(EventBatch, newer).events[0].data.detail == "rolled-over"


def test_ack_names_boot_stream_and_seq():
    ack = Ack(positions=(Position(boot=BOOT, stream=Stream.WINDOW, seq=12),))
    assert decode(Ack, encode(ack)).positions[0].seq == 12
