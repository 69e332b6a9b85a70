"""A network camera: motion JPEG over HTTP, as OpenCV reads it; it can be unplugged, hang, and send torn pictures."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import numpy.typing as npt


class NetworkCamera:
    """Streams the pictures in turn with a little noise, 25 a second; what it shall do can change while it streams.

    `frozen` sends the same bytes again and again, `torn` leaves out the second half of each picture.
    """

    def __init__(self, port: int, pictures: Sequence[npt.NDArray[np.uint8]], noise: float = 2.0) -> None:
        self.port, self.noise = port, noise
        self.frozen = self.torn = False
        self._pictures: Iterator[npt.NDArray[np.uint8]] = itertools.cycle(pictures)
        self._server: ThreadingHTTPServer | None = None
        self._connections: list[socket.socket] = []
        self._plugged = threading.Event()

    @property
    def url(self) -> str:
        """Address for `make_source`."""
        return f"http://127.0.0.1:{self.port}/stream.mjpg"

    def show(self, *pictures: npt.NDArray[np.uint8]) -> None:
        """Put other things in front of the lens."""
        self._pictures = itertools.cycle(pictures)

    def plug_in(self) -> None:
        """Answer from now on."""
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera._connections.append(self.connection)
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                camera._stream(self)

            def log_message(self, *_: object) -> None:
                return

        self._plugged.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
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

    def _stream(self, handler: BaseHTTPRequestHandler) -> None:
        random = np.random.default_rng(1)
        data = b""
        while True:
            if not (self.frozen and data):
                image = next(self._pictures)
                noisy = np.clip(image + random.normal(0, self.noise, image.shape), 0, 255).astype(np.uint8)
                data = cv2.imencode(".jpg", noisy)[1].tobytes()
                data = data[: len(data) // 2] if self.torn else data
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n".encode()
            if not self._plugged.is_set():
                return
            try:
                handler.wfile.write(head + data + b"\r\n")
            except OSError:
                return
            time.sleep(0.04)
