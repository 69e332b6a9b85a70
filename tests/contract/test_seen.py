"""The file of what stations have seen: the released version is read for ever, and what does not add up is refused."""

import json
from pathlib import Path

import pytest

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.seen import decode_seen, encode_seen, tallies_of

GOLDEN = (Path(__file__).parent / "golden" / "seen-v1.json").read_bytes()


def test_the_released_version_is_read_and_written_as_it_was():
    seen = decode_seen(GOLDEN, "golden")
    assert (seen.model, seen.version, seen.windows, seen.parts, seen.devices) == (
        "tiles",
        "v1",
        2,
        6,
        ("north-1", "north-2"),
    )
    tally = tallies_of(seen)["brightness"]
    assert (tally.bins, tally.n, tally.invalid) == ([1, 2, 1, 1], 5, 1)
    assert encode_seen(seen) == GOLDEN


def test_a_newer_sender_s_keys_are_ignored():
    assert decode_seen(json.dumps({**json.loads(GOLDEN), "weather": "fine"}).encode(), "x").model == "tiles"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features": {}}, "feature 'brightness' does not add up"),
        ({"schema_version": 2}, "no windows of a fleet"),
        ({"windows": 0}, "no windows of a fleet .windows: "),
        ({"devices": None}, "make it by 'fleet windows'"),
    ],
)
def test_what_does_not_add_up_is_refused_in_one_line(change, words):
    with pytest.raises(Rejected, match=words) as refused:
        decode_seen(json.dumps({**json.loads(GOLDEN), **change}).encode(), "seen.json")
    assert len(str(refused.value).splitlines()) == 1
    torn = json.loads(GOLDEN)
    torn["features"]["brightness"]["bins"][0] += 1
    with pytest.raises(Rejected, match="does not add up"):
        decode_seen(json.dumps(torn).encode(), "seen.json")
