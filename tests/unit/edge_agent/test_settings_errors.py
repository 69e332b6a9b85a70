"""What a person reads who mistypes `station.yaml` or the address of a camera: the key as it stands in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.capture.address import parse_address
from edge_agent.config import StationConfig
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.strict import parse
from edge_agent.home import Home
from edge_agent.setup import ready_to_run

BROKER = {"kind": "mqtt", "url": "mqtt://broker.line"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"trigger": {"kind": "mqtt"}}, "key 'trigger.url' is missing; add it"),
        ({"trigger": {"kind": "interval", "every_ms": 0}}, "'trigger.every_ms' is 0: "),
        ({"trigger": {"kind": "webhook"}}, "'trigger.kind' is 'webhook', expected one of 'continuous', "),
        ({"outputs": [{"kind": "gate"}, BROKER]}, "key 'outputs.1.topic' is missing; add it"),
        ({"outputs": [{"kind": "none"}, {**BROKER, "topic": "a/#"}]}, "'outputs.1.topic' is 'a/#': "),
        ({"outputs": {"kind": "gate"}}, "'outputs' is {'kind': 'gate'}: Input should be a valid list"),
        ({"outputs": [3]}, "'outputs.0' is 3: Input should be a valid mapping of keys to values"),
        ({"runtime": {"threads": 0}}, "'runtime.threads' is 0: "),
        ({"plc": {"hots": "plc.line"}}, "unknown key 'plc.hots'; did you mean 'host'?"),
        ({"shifts": [{"name": "a", "from": "25:00", "to": "06:00"}]}, "'shifts.0.from' is '25:00': "),
    ],
)
def test_an_error_names_the_key_as_it_stands_in_the_file(content: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(StationConfig, content, "station.yaml")
    assert str(error.value).startswith(f"station.yaml: {words}")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("usb:abc", "as in usb:0 or usb:/dev/video0"),
        ("usb:", "as in usb:0 or usb:/dev/video0"),
        ("usb:0?width=wide", "'width=wide' is not a number"),
        ("usb:0?width=-1", "'width=-1' is not a number from 0 on"),
        ("synthetic:?fps=nan", "'fps=nan' is not a number from 0 on"),
        ("rtsp:///live", "needs a host"),
        ("rtsp://camera:99999/live", "a port up to 65535"),
        ("http://:80/stream", "needs a host"),
    ],
)
def test_an_address_that_can_be_no_camera_is_refused_before_the_start(tmp_path: Path, source: str, words: str) -> None:
    (tmp_path / "station.yaml").write_text("ui: {port: 0}\n")
    with pytest.raises(ConfigError, match=words):
        ready_to_run(Home(tmp_path), source, None)


@pytest.mark.parametrize("source", ["usb:0", "usb:/dev/video1?width=640", "rtsp://u:p@[::1]:8554/x", "http://camera/"])
def test_an_address_that_may_be_one_is_not(source: str) -> None:
    assert parse_address(source).scheme in source
