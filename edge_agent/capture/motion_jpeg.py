"""Network cameras that send motion JPEG over HTTP: each picture is one part of an endless multipart answer.

Read here and not by a video library, for that fills the missing half of a torn picture with the picture before, and
nobody can tell. Here a picture without its end is torn. Multipart: RFC 2046, section 5.1; JPEG's markers: ITU-T T.81,
annex B.
"""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from urllib.parse import unquote, urlsplit

import numpy as np
import numpy.typing as npt

from edge_agent.capture.address import Address
from edge_agent.capture.frame import Frame
from edge_agent.capture.lighting import Lighting
from edge_agent.capture.settings import CameraSettings, set_elsewhere
from edge_agent.clock import Clock
from edge_agent.contracts.errors import Rejected, Unavailable
from edge_agent.contracts.preprocess import decode_frame

_TIMEOUT_S = 1.0
_LARGEST = 64 << 20
_LINE = 64 << 10
_END = b"\xff\xd9"
_PADDING = b"\0\r\n"


class MotionJpegSource:
    """A camera by `http:` or `https:`; name and password in the address serve for basic and digest log-in."""

    live = True
    period_s = 0.0

    def __init__(self, address: Address, clock: Clock) -> None:
        self._address = address
        self._clock = clock
        self._light = Lighting(address, clock)
        self._answer: http.client.HTTPResponse | None = None
        self._boundary = b""
        self._at_part = False
        self._index = 0

    def open(self) -> None:
        """Connect. Raises Unavailable while the camera is away or sends something else."""
        try:
            self._answer = _opener(self._address).open(self._address.shown, timeout=_TIMEOUT_S)
        except urllib.error.HTTPError as error:
            error.close()
            raise Unavailable(
                f"camera {self._address.shown} refuses ({error.code}: {error.reason}); check path, name and password"
            ) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise Unavailable(f"camera {self._address.shown} does not answer ({reason}); is it plugged in?") from error
        kind = self._answer.headers.get_content_type()
        boundary = self._answer.headers.get_param("boundary")
        if not kind.startswith("multipart/") or not isinstance(boundary, str):
            self.close()
            raise Unavailable(
                f"camera {self._address.shown} sends {kind}, not motion JPEG; give the address of its stream"
            )
        self._at_part = False
        self._boundary = b"--" + boundary.strip('"').removeprefix("--").encode()

    def adjust(self, wanted: CameraSettings) -> CameraSettings:
        """Take what is wanted for granted where the address says so. Raises Rejected where it does not."""
        return set_elsewhere(wanted, self._address)

    def read(self) -> Frame | None:
        """Wait for the next picture; a torn one has no content. Raises Unavailable when the camera gives none."""
        assert self._answer is not None, "open() comes first"
        try:
            data = self._part(self._answer)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unavailable(f"camera {self._address.shown} gives no frames ({error})") from error
        picture = whole_picture(data) if self._boundary not in data else None
        content = self._light.apply(picture) if picture is not None else None
        self._index += 1
        return Frame(content, self._clock.monotonic(), index=self._index)

    def _part(self, answer: http.client.HTTPResponse) -> bytes:
        """Return the content of the next part. Raises ValueError at the end of the stream."""
        while not self._at_part:
            if not (line := answer.readline(_LINE)):
                raise ValueError("the stream has ended")
            self._at_part = line.startswith(self._boundary)
        self._at_part, length = False, -1
        while line := answer.readline(_LINE).strip():
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                length = int(value)
        if length > _LARGEST:
            raise ValueError(f"a picture of {length} bytes; at most {_LARGEST} are read")
        return answer.read(length) if length >= 0 else self._unmeasured(answer)

    def _unmeasured(self, answer: http.client.HTTPResponse) -> bytes:
        """Return a part whose length the camera does not say: up to JPEG's end marker, or the next part."""
        data = bytearray()
        while len(data) <= _LARGEST and (line := answer.readline(_LINE)):
            self._at_part = line.startswith(self._boundary)
            if not self._at_part:
                data += line
            if self._at_part or line.rstrip(_PADDING).endswith(_END):
                return bytes(data)
        raise ValueError("the stream has ended")

    def close(self) -> None:
        """Let go of the connection."""
        if self._answer is not None:
            self._answer.close()
            self._answer = None


def whole_picture(data: bytes) -> npt.NDArray[np.uint8] | None:
    """Return an encoded picture as a camera's frame; None for what is no whole picture."""
    try:
        return decode_frame(data.rstrip(_PADDING))
    except Rejected:
        return None


def _opener(address: Address) -> urllib.request.OpenerDirector:
    """Return what opens the address, past any proxy; a camera's certificate is its own, so it proves nothing."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    parts = urlsplit(address.target)
    if parts.username is not None:
        known.add_password(None, address.shown, unquote(parts.username), unquote(parts.password or ""))
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=context),
        urllib.request.HTTPBasicAuthHandler(known),
        urllib.request.HTTPDigestAuthHandler(known),
    )
