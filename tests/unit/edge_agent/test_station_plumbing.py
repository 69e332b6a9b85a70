"""Channels, homes and the supervisor's rules."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from edge_agent.channel import LocalChannel, PipeChannel, decode_line, encode_line
from edge_agent.contracts.errors import ConfigError
from edge_agent.home import Home, read_json, replace_json
from edge_agent.processes import FIRST_DELAY_S, LONGEST_DELAY_S, restart_delay
from edge_agent.station.door import load_api_token


def test_a_dead_child_is_started_again_soon_then_more_slowly() -> None:
    delays = [restart_delay(attempt) for attempt in range(10)]
    assert delays[0] == FIRST_DELAY_S
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY_S


def test_messages_cross_a_pipe_and_noise_is_passed_over() -> None:
    down_read, down_write = os.pipe()
    up_read, up_write = os.pipe()
    channel = PipeChannel(down_read, up_write)
    os.write(down_write, b"not json\n[1]\n" + encode_line({"kind": "activate", "bundle": "ä"}))
    assert channel.receive(2.0) == {"kind": "activate", "bundle": "ä"}
    channel.send({"to": "uplink", "kind": "activated"})
    assert decode_line(os.read(up_read, 4096)) == {"to": "uplink", "kind": "activated"}
    os.close(down_write)
    channel.wait_closed()
    assert channel.closed
    os.close(up_read)
    os.close(up_write)


def test_a_broken_pipe_closes_the_channel() -> None:
    down_read, down_write = os.pipe()
    up_read, up_write = os.pipe()
    channel = PipeChannel(down_read, up_write)
    os.close(up_read)
    channel.send({"kind": "x"})
    assert channel.closed
    for handle in (down_write, up_write):
        os.close(handle)


def test_closing_wakes_who_waits() -> None:
    channel = LocalChannel()
    threading.Timer(0.05, channel.close).start()
    started = time.monotonic()
    assert channel.receive(20.0) is None
    assert time.monotonic() - started < 10


def test_a_note_is_replaced_whole_and_a_torn_one_is_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    replace_json(home.station, {"pid": 1})
    replace_json(home.station, {"pid": 2}, 0o600)
    assert read_json(home.station) == {"pid": 2}
    assert [path.name for path in home.run.iterdir()] == ["station.json"]
    home.station.write_text('{"pid":')
    assert read_json(home.station) == {}


def test_a_token_that_a_full_disk_cut_off_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "api.token"
    path.touch(0o600)
    token = load_api_token(path)
    assert len(token) > 20
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_api_token(path) == token
    path.write_text("short\n")
    with pytest.raises(ConfigError, match="delete the file"):
        load_api_token(path)
