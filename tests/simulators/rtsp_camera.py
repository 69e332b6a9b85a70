"""A network camera by RTSP, as a real one on the wire: RTSP 1.0 (RFC 2326), RTP over the same TCP connection, JPEG.

RTP's payload for JPEG is RFC 2435 with the quantisation tables in the first packet of each picture (Q = 255). The
client is whoever asks; here it is FFmpeg inside OpenCV, with nothing of ours between.
"""

from __future__ import annotations

import itertools
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

PERIOD_S = 0.04
_CLOCK = 90_000
_PACKET = 1200
_TYPE_420, _TABLES_IN_BAND, _JPEG = 1, 255, 26
_DQT, _SCAN, _END = 0xDB, 0xDA, 0xD9
_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 26\r\nc=IN IP4 0.0.0.0\r\na=framerate:25\r\na=control:track1\r\n"
)


class RtspCamera:
    """Streams the pictures in turn with a little noise, 25 a second, to everybody who asks by `rtsp:` over TCP.

    Width and height must be multiples of 16. It can be unplugged, and it can hang (`silent`): then the connection stays
    and no picture comes.
    """

    def __init__(self, port: int, pictures: Sequence[npt.NDArray[np.uint8]]) -> None:
        self.port = port
        self.silent = False
        self._pictures: Iterator[npt.NDArray[np.uint8]] = itertools.cycle(pictures)
        self._server: socketserver.ThreadingTCPServer | None = None
        self._plugged = threading.Event()
        self._connections: list[socket.socket] = []

    @property
    def url(self) -> str:
        """Address for `make_source`."""
        return f"rtsp://127.0.0.1:{self.port}/live"

    def plug_in(self) -> None:
        """Answer from now on."""
        camera = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                camera._connections.append(self.connection)
                try:
                    camera._converse(self)
                except OSError:
                    return

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._plugged.set()
        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def unplug(self) -> None:
        """Cut all connections and answer no new ones."""
        self._plugged.clear()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._connections.clear()

    def _converse(self, handler: socketserver.StreamRequestHandler) -> None:
        """Answer requests until the client leaves; from PLAY on, a thread of its own sends the pictures."""
        lock = threading.Lock()
        while request := _request(handler):
            method, headers = request
            more, body = {"Session": "1"}, ""
            if method == "OPTIONS":
                more["Public"] = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"
            elif method == "DESCRIBE":
                more, body = {"Content-Type": "application/sdp", "Content-Base": f"{self.url}/"}, _SDP
            elif method == "SETUP":
                more["Transport"] = "RTP/AVP/TCP;unicast;interleaved=0-1"
            with lock:
                handler.wfile.write(_response(headers.get("cseq", "0"), more, body))
            if method == "TEARDOWN":
                return
            if method == "PLAY":
                threading.Thread(target=self._stream, args=(handler, lock), daemon=True).start()

    def _stream(self, handler: socketserver.StreamRequestHandler, lock: threading.Lock) -> None:
        random, sequence = np.random.default_rng(2), 0
        started = time.monotonic()
        while self._plugged.is_set():
            if not self.silent:
                image = next(self._pictures)
                grey = np.clip(image + random.normal(0, 2, image.shape), 0, 255).astype(np.uint8)
                data = cv2.imencode(".jpg", cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))[1].tobytes()
                stamp = int((time.monotonic() - started) * _CLOCK)
                packets = list(rtp_packets(data, sequence, stamp, grey.shape[1], grey.shape[0]))
                sequence += len(packets)
                framed = b"".join(b"$\0" + struct.pack(">H", len(packet)) + packet for packet in packets)
                try:
                    with lock:
                        handler.wfile.write(framed)
                except (OSError, ValueError):
                    return
            time.sleep(PERIOD_S)


def _request(handler: socketserver.StreamRequestHandler) -> tuple[str, dict[str, str]] | None:
    """Return the next request's method and headers; the client's own interleaved reports are skipped."""
    while (first := handler.rfile.read(1)) == b"$":
        _, size = struct.unpack(">BH", handler.rfile.read(3))
        handler.rfile.read(size)
    if not first:
        return None
    method = (first + handler.rfile.readline()).decode().split(" ")[0]
    headers: dict[str, str] = {}
    while line := handler.rfile.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return method, headers


def _response(number: str, more: dict[str, str], body: str) -> bytes:
    lines = [f"CSeq: {number}", *(f"{name}: {value}" for name, value in more.items())]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("RTSP/1.0 200 OK\r\n" + "\r\n".join(lines) + "\r\n\r\n" + body).encode()


def rtp_packets(jpeg: bytes, sequence: int, stamp: int, width: int, height: int) -> Iterator[bytes]:
    """Cut a baseline JPEG (4:2:0, standard Huffman tables) into RTP packets."""
    tables, scan = _pieces(jpeg)
    quantisation = struct.pack(">BBH", 0, 0, len(tables)) + tables
    for offset in range(0, len(scan), _PACKET):
        piece = scan[offset : offset + _PACKET]
        last = offset + _PACKET >= len(scan)
        head = struct.pack(">BBHII", 0x80, _JPEG | (0x80 if last else 0), sequence & 0xFFFF, stamp & 0xFFFFFFFF, 7)
        kind = struct.pack(">IBBBB", offset, _TYPE_420, _TABLES_IN_BAND, width // 8, height // 8)
        yield head + kind + (quantisation if offset == 0 else b"") + piece
        sequence += 1


def _pieces(jpeg: bytes) -> tuple[bytes, bytes]:
    """Return a JPEG's quantisation tables and its entropy-coded scan (ITU-T T.81, annex B)."""
    tables, at = b"", 2
    while True:
        marker, length = jpeg[at + 1], struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
        if marker == _DQT:
            content = jpeg[at + 4 : at + 2 + length]
            tables += b"".join(content[start + 1 : start + 65] for start in range(0, len(content), 65))
        at += 2 + length
        if marker == _SCAN:
            return tables, jpeg[at:].removesuffix(bytes([0xFF, _END]))
