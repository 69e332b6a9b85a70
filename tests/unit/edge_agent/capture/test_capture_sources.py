"""Addresses, folders, videos, synthetic parts and the lamp."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.capture.address import Dimming, parse_address
from edge_agent.capture.folder import stored_parts
from edge_agent.capture.sources import make_source
from edge_agent.contracts.errors import ConfigError, Unavailable
from tests.simulators.clock import HandClock
from tests.simulators.line import PARTS, picture


def test_an_address_is_taken_apart() -> None:
    address = parse_address("folder:///data/parts?loop=1&fps=5&brightness=0.6@30&lamp=/run/lamp.txt")
    assert (address.scheme, address.target) == ("folder", "/data/parts")
    assert address.flag("loop")
    assert address.number("fps", 0.0) == 5.0
    assert address.dimming == Dimming(0.6, 30.0)
    assert address.lamp == Path("/run/lamp.txt")


def test_a_network_camera_keeps_its_own_options() -> None:
    address = parse_address("rtsp://cam:554/live?channel=1&brightness=0.5@1")
    assert address.target == "rtsp://cam:554/live?channel=1"
    assert address.dimming == Dimming(0.5, 1.0)


def test_no_message_names_the_cameras_password() -> None:
    assert parse_address("rtsp://user:p@ss@cam:554/live").shown == "rtsp://cam:554/live"
    assert parse_address("usb:/dev/video2").shown == "usb:/dev/video2"
    with pytest.raises(Unavailable, match="is it plugged in") as caught:
        make_source("rtsp://user:secret@127.0.0.1:9/live").open()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("folder:///x?lop=1", "did you mean 'loop'?"),
        ("floder:///x", "unknown kind 'floder'"),
        ("folder:relative", "absolute path"),
        ("folder:///x?brightness=dark", "0.6@30"),
        ("synthetic:?seed=one", "'seed=one' is not a number"),
        ("usb:front", "usb:0"),
    ],
)
def test_a_wrong_address_says_what_to_do(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        make_source(url).open()


def test_a_folder_with_a_table_gives_the_views_of_each_part_together() -> None:
    source = make_source(f"folder://{PARTS}")
    source.open()
    frames = [source.read() for _ in range(4)]
    assert [(f.serial, f.view, f.views) for f in frames if f] == [
        ("p900-000", 0, 2),
        ("p900-000", 1, 2),
        ("p900-001", 0, 2),
        ("p900-001", 1, 2),
    ]


def test_a_folder_without_a_table_gives_each_file_as_a_part(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg"):
        cv2.imwrite(str(tmp_path / name), picture())
    assert [(part.serial, part.pictures) for part in stored_parts(tmp_path)] == [("a", ("a.jpg",)), ("b", ("b.png",))]


def test_shuffling_is_by_seed_and_gives_every_part_once_a_round() -> None:
    def serials(seed: int) -> list[str]:
        source = make_source(f"folder://{PARTS}?loop=1&shuffle={seed}")
        source.open()
        frames = [source.read() for _ in range(48)]
        return [frame.serial for frame in frames if frame and frame.view == 0]

    assert serials(7) == serials(7) != serials(8)
    assert sorted(serials(7)[:12]) == sorted(set(serials(7)))


@pytest.mark.parametrize("content", [{}, {"labels.csv": "image,label\na.png,ok\n"}, {"labels.csv": "image,part\n"}])
def test_an_empty_folder_or_table_is_said_so(tmp_path: Path, content: dict[str, str]) -> None:
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=r"no pictures found|column 'part' is missing"):
        stored_parts(tmp_path)


def test_a_corrupt_picture_is_a_frame_without_content(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    source = make_source(f"folder://{tmp_path}")
    source.open()
    frame = source.read()
    assert frame is not None
    assert frame.picture is None


def test_a_folder_that_leaves_is_a_lost_camera(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), picture())
    source = make_source(f"folder://{folder}?loop=1")
    source.open()
    assert source.read() is not None
    folder.rename(tmp_path / "away")
    with pytest.raises(Unavailable, match="away"):
        source.read()


def test_the_light_goes_down_at_its_time_and_with_the_lamp(tmp_path: Path) -> None:
    hand, lamp = HandClock(), tmp_path / "lamp.txt"
    source = make_source(f"folder://{PARTS}?loop=1&brightness=0.5@30&lamp={lamp}", hand.clock)
    source.open()

    def brightness() -> float:
        frame = source.read()
        assert frame is not None
        assert frame.picture is not None
        return float(frame.picture.mean())

    bright = brightness()
    hand.forward(31)
    assert brightness() == pytest.approx(bright / 2, rel=0.2)
    lamp.write_text("0.2")
    hand.forward(1)
    assert brightness() == pytest.approx(bright / 10, rel=0.3)


def test_synthetic_parts_follow_their_seed_and_some_are_defective() -> None:
    def read(seed: int) -> list[np.ndarray]:
        source = make_source(f"synthetic:?seed={seed}&fps=0&views=2&size=64")
        source.open()
        return [frame.picture for _ in range(6) if (frame := source.read()) and frame.picture is not None]

    first, again, other = read(1), read(1), read(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[0], first[1]), "two views are two pictures"


def test_a_video_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "parts.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 5, (64, 48))
    for grey in (60, 120, 180):
        writer.write(np.full((48, 64, 3), grey, np.uint8))
    writer.release()
    source = make_source(f"file://{path}")
    source.open()
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    source.close()
    means = [float(frame.picture.mean()) for frame in frames if frame.picture is not None]
    assert means == pytest.approx([60, 120, 180], abs=6)
    assert not any(frame.live for frame in frames)


def test_what_is_no_video_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(b"no video")
    with pytest.raises(ConfigError, match="not a video file"):
        make_source(f"file://{path}").open()


def test_a_usb_camera_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="is it plugged in"):
        make_source("usb:63").open()
