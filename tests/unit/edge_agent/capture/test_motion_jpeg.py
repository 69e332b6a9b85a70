"""Motion JPEG as cameras send it: with and without lengths, padded, torn, behind a log-in, and what is none at all."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import cv2
import numpy as np
import pytest

from edge_agent.capture.motion_jpeg import MotionJpegSource
from edge_agent.capture.sources import make_source
from edge_agent.contracts.errors import Unavailable
from tests.simulators.line import GOOD, picture

WHOLE = cv2.imencode(".jpg", picture(GOOD))[1].tobytes()
KIND = "multipart/x-mixed-replace; boundary=frame"


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}/stream"
    finally:
        server.shutdown()
        server.server_close()


def sent(body: bytes, kind: str = KIND) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def part(data: bytes, *headers: str) -> bytes:
    lines = ["--frame", "Content-Type: image/jpeg", *headers, "", ""]
    return "\r\n".join(lines).encode() + data + b"\r\n"


def measured(data: bytes, length: int | None = None) -> bytes:
    return part(data, f"Content-Length: {len(data) if length is None else length}")


def read_all(body: bytes, kind: str = KIND) -> list[np.ndarray | None]:
    with serving(sent(body, kind)) as place:
        source = make_source(f"http://{place}")
        assert isinstance(source, MotionJpegSource)
        source.open()
        frames: list[np.ndarray | None] = []
        try:
            while (frame := source.read()) is not None:
                frames.append(frame.picture)
        except Unavailable as error:
            assert "the stream has ended" in str(error)  # noqa: PT017 - how a stream ends
        source.close()
    return frames


@pytest.mark.parametrize(
    ("body", "whole"),
    [
        (measured(WHOLE) * 3, [True, True, True]),
        (part(WHOLE) * 3, [True, True, True]),
        (b"\r\npreamble\r\n" + measured(WHOLE + b"\0" * 40) * 2, [True, True]),
        (measured(WHOLE[:900]) + measured(WHOLE), [False, True]),
        (part(WHOLE[:900]) + part(WHOLE), [False, True]),
        (measured(WHOLE[:900], len(WHOLE)) + measured(WHOLE) * 3, [False, True, True]),
        (measured(b"no picture") + measured(WHOLE), [False, True]),
        (measured(b"") + measured(WHOLE), [False, True]),
    ],
    ids=["lengths", "no lengths", "padded", "torn", "torn, no lengths", "shorter than said", "no picture", "empty"],
)
def test_whole_pictures_are_given_and_torn_ones_are_known(body: bytes, whole: list[bool]) -> None:
    frames = read_all(body)
    assert [frame is not None for frame in frames] == whole
    assert all(frame is None or frame.shape == (80, 80) for frame in frames)


def test_a_boundary_may_be_quoted_and_bring_its_own_dashes() -> None:
    for boundary in ('"frame"', "--frame"):
        assert len(read_all(measured(WHOLE) * 2, f"multipart/x-mixed-replace; boundary={boundary}")) == 2


def test_what_is_no_stream_of_pictures_is_said_without_the_password() -> None:
    with serving(sent(b"<html>", "text/html")) as place:
        with pytest.raises(Unavailable, match="sends text/html, not motion JPEG") as caught:
            make_source(f"http://user:secret@{place}").open()
        assert "secret" not in str(caught.value)
        with pytest.raises(Unavailable, match="is it plugged in"):
            make_source("http://user:secret@127.0.0.1:9/stream").open()


@pytest.mark.parametrize("scheme", ["Basic", "Digest"])
def test_a_camera_with_a_log_in_gets_name_and_password(scheme: str) -> None:
    def asks(handler: BaseHTTPRequestHandler) -> None:
        given = handler.headers.get("Authorization", "")
        wanted = base64.b64encode(b"user:p@ss").decode()
        if given == f"Basic {wanted}" or (given.startswith("Digest ") and digest_is_right(given, handler.path)):
            sent(measured(WHOLE))(handler)
            return
        handler.send_response(401)
        more = ', nonce="abc", algorithm=MD5, qop="auth"' if scheme == "Digest" else ""
        handler.send_header("WWW-Authenticate", f'{scheme} realm="camera"{more}')
        handler.end_headers()

    with serving(asks) as place:
        source = make_source(f"http://user:p%40ss@{place}")
        source.open()
        frame = source.read()
        assert frame is not None
        assert frame.picture is not None
        source.close()
        with pytest.raises(Unavailable, match=r"refuses .401: .*check path, name and password"):
            make_source(f"http://user:wrong@{place}").open()


def digest_is_right(given: str, path: str) -> bool:
    """RFC 7616 with MD5 and `qop=auth`."""
    fields = {name: value.strip('"') for name, value in (pair.split("=", 1) for pair in given[7:].split(", "))}

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    keys = (md5("user:camera:p@ss"), "abc", fields["nc"], fields["cnonce"], "auth", md5(f"GET:{path}"))
    return fields["response"] == md5(":".join(keys))
