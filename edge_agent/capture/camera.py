"""A source that is kept alive: reconnected when it is lost, paced when it is stored, never waited for too long."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from edge_agent.backoff import LONGEST_RECONNECT_S, reconnect_delay
from edge_agent.capture.frame import Frame, Source
from edge_agent.capture.settings import NOTHING, Adjustable, CameraSettings, deviation
from edge_agent.clock import Clock
from edge_agent.contracts.errors import LinesideError, Rejected
from edge_agent.contracts.verdict import Detail

_STEP_S = 0.05
_SETTLING = 3
"""Frames that a camera may still give with the settings from before."""

BEING_SET = "the camera is being set as the recipe says"


class Camera:
    """Gives frames by a deadline. A live source is read by a thread of its own, a stored one when it is asked.

    `fault` says why there are no frames ("" while there are); `ended` is true while a stored source has no more.
    `unset` says why the camera is not set as the recipe wants; until it is, no frame is given ("" while it is).
    `seen` is the last whole frame that came, judged or not; `overtaken` counts the frames of a live source that nobody
    took before a newer one came.
    """

    def __init__(self, source: Source, clock: Clock, draw: Callable[[], float] = random.random) -> None:
        self.fault = "not started"
        self.unset = ""
        self.ended = False
        self.seen: Frame | None = None
        self.overtaken = 0
        self._wanted = self._held = NOTHING
        self._settling = 0
        self._set_again_at = float("inf")
        self._seen = False
        self._source = source
        self._clock = clock
        self._draw = draw
        self._attempt = 0
        self._retry_at = float("-inf")
        self._closing = threading.Event()
        self._fresh = threading.Condition()
        self._latest: Frame | None = None
        self._taken = -1
        self._due = float("-inf")
        self._thread: threading.Thread | None = None

    @property
    def live(self) -> bool:
        """Whether frames come by themselves."""
        return self._source.live

    @property
    def missing(self) -> Detail:
        """What to say of a part that got no frame."""
        if self.fault:
            return Detail.UNPLUGGED if self._seen else Detail.ABSENT
        return Detail.SETTINGS if self.unset else Detail.SILENT

    def want(self, wanted: CameraSettings) -> None:
        """Have the camera set as a recipe says, now and after each reconnect. Stored pictures are as they are."""
        if not self._source.live or wanted == self._wanted:
            return
        with self._fresh:
            self._wanted, self._latest = wanted, None
            self.unset = "" if wanted == NOTHING else BEING_SET

    def start(self) -> None:
        """Open the source; one that is away is tried again for as long as it takes."""
        if not self._source.live:
            self._connect()
            return
        self._thread = threading.Thread(target=self._watch, name="camera", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let go of the source."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(2.0)
        elif not self.fault:
            self._source.close()

    def grab(self, until: float, after: float = float("-inf")) -> Frame | None:
        """Return a frame not given before and taken later than `after`; None where none comes by `until`."""
        return self._grab_live(until, after) if self._source.live else self._grab_stored(until)

    def part_frames(self, first: Frame | None, after: float, views: int, until: float) -> list[Frame]:
        """Return a part's frames, none where one of them does not come by `until`.

        `first` is its first frame where that was the trigger, else frames count from `after` on. There are as many as
        the source says, else `views`. A torn frame of a live camera is grabbed once more.
        """
        frames: list[Frame] = []
        frame = first if first is not None else self.grab(until, after)
        while frame is not None:
            if frame.picture is None and frame.live:
                frame = self.grab(until) or frame
            frames.append(frame)
            if len(frames) >= (frames[0].views or views):
                return frames
            frame = self.grab(until)
        return []

    def _grab_live(self, until: float, after: float) -> Frame | None:
        with self._fresh:
            while True:
                frame = self._latest
                if frame is not None and frame.index > self._taken and frame.at > after and not self.unset:
                    self._taken = frame.index
                    return frame
                left = until - self._clock.monotonic()
                if left <= 0 or self._closing.is_set():
                    return None
                self._fresh.wait(min(left, _STEP_S))

    def _grab_stored(self, until: float) -> Frame | None:
        while not self._closing.is_set():
            if self._latest is None:
                self._latest = self._read_stored()
            now = self._clock.monotonic()
            due = self._due_at(self._latest)
            if due <= now and self._latest is not None:
                frame, self._latest = self._latest, None
                if frame.view == 0:
                    in_time = now - due < self._source.period_s
                    self._due = (due if in_time else now) + self._source.period_s
                return self._noted(frame.at_time(now))
            if now >= until:
                return None
            self._closing.wait(max(0.0, min(due, until, now + _STEP_S) - now))
        return None

    def _due_at(self, frame: Frame | None) -> float:
        """Return when the frame may be handed out: the first view of a part waits for the source's pace."""
        if frame is None:
            return float("inf")
        return self._due if frame.view == 0 else float("-inf")

    def _read_stored(self) -> Frame | None:
        if self.fault and not self._connect():
            return None
        try:
            frame = self._source.read()
        except LinesideError as error:
            self._lost(error)
            return None
        self.ended = frame is None
        self._attempt = 0
        return frame

    def _connect(self) -> bool:
        if self._clock.monotonic() < self._retry_at:
            return False
        try:
            self._source.open()
        except LinesideError as error:
            self._lost(error)
            return False
        self.fault, self._seen = "", True
        return True

    def _lost(self, error: LinesideError) -> None:
        self._source.close()
        self.fault = str(error)
        self._retry_at = self._clock.monotonic() + reconnect_delay(self._attempt, self._draw())
        self._attempt += 1

    def _watch(self) -> None:
        """Read frames as they come; only the latest is kept, so that a slow decision never sees an old part."""
        connected = False
        while not self._closing.is_set():
            if not connected:
                connected, self._held = self._connect(), NOTHING
            frame = self._read_live() if connected and self._adjusted() else None
            connected = connected and not self.fault
            if frame is not None:
                self._attempt = 0
                self._publish(self._noted(frame))
            elif not connected:
                self._closing.wait(_STEP_S)
        self._source.close()

    def _noted(self, frame: Frame) -> Frame:
        if frame.picture is not None:
            self.seen = frame
        return frame

    def _publish(self, frame: Frame) -> None:
        with self._fresh:
            if self._held != self._wanted:
                return
            if self._settling:
                self._settling -= 1
                return
            self.overtaken += self._latest is not None and self._latest.index > self._taken
            self._latest = frame
            self._fresh.notify_all()

    def _adjusted(self) -> bool:
        """Set the camera where its settings are not those wanted; False where it is lost over it."""
        wanted, due = self._wanted, self._clock.monotonic() >= self._set_again_at
        if wanted == self._held and not due:
            return True
        try:
            unset = self._adjust(wanted)
        except LinesideError as error:
            self._lost(error)
            return False
        with self._fresh:
            self._held = wanted
            self._settling = _SETTLING if wanted != NOTHING else 0
            self._set_again_at = self._clock.monotonic() + LONGEST_RECONNECT_S if unset else float("inf")
            if wanted == self._wanted:
                self.unset = unset
        return True

    def _adjust(self, wanted: CameraSettings) -> str:
        """Return why the camera is not set as wanted, "" where it is. Raises Unavailable where it is lost."""
        if wanted == NOTHING:
            return ""
        if not isinstance(self._source, Adjustable):
            return "the recipe sets the camera, and this kind of camera cannot be set; use another source"
        try:
            return deviation(wanted, self._source.adjust(wanted))
        except Rejected as error:
            return str(error)

    def _read_live(self) -> Frame | None:
        try:
            return self._source.read()
        except LinesideError as error:
            self._lost(error)
            return None
