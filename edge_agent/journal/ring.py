"""The quota ring of pictures: encoded and stored off the frame's path, dropped from the lowest class when it is full.

Pictures go before records do: a full disk costs old pictures, never a part's row.
"""

from __future__ import annotations

import hashlib
import logging
import os
import queue
import shutil
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.errors import Unavailable
from edge_agent.decision.sampling import Keep
from edge_agent.journal.database import Database

Picture = npt.NDArray[np.uint8]
Encode = Callable[[Picture], bytes]
_WAITING = 32
_DROP_AT_ONCE = 16
_LOOK_EVERY_S = 0.02
_REST = 4.0
"""The ring rests so many times as long as a picture took, so that a run of rejects does not slow the line."""

_log = logging.getLogger("lineside.ring")


@dataclass(frozen=True)
class Quota:
    """Bytes the pictures may take, and bytes that must stay free on the disk."""

    pictures: int
    reserve: int


@dataclass(frozen=True)
class _Order:
    """A picture to store; `view` where it is one of the others of a part with several, which are in `views`."""

    part: int
    picture: Picture
    keep: Keep
    at_ms: int
    data: bytes | None = None
    views: tuple[Picture | None, ...] = ()
    view: int | None = None


class Ring:
    """Stores pictures below `folder` as `<sha[:2]>/<sha>.png`. One thread works, with a connection of its own.

    Pictures that a person waits for come first and at once; the others get a fifth of one core, and what comes faster
    is lost and counted (`lost`). Of a part with several views the other pictures follow the one that people see.
    """

    def __init__(self, database: Database, folder: Path, quota: Quota, encode: Encode) -> None:
        self.lost = 0
        self._database = database
        self._folder = folder
        self._quota = quota
        self._encode = encode
        self._orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self._urgent: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self._others: deque[_Order] = deque()
        self._hurry = threading.Event()
        self._closing = False
        self._held = int((database.row("images_bytes") or (0,))[0])
        self._thread = threading.Thread(target=self._work, name="ring", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def keep(
        self,
        part: int,
        picture: Picture,
        keep: Keep,
        at_ms: int,
        data: bytes | None = None,
        views: tuple[Picture | None, ...] = (),
    ) -> bool:
        """Ask for a picture (encoded already: `data`) to be stored for a part; False when too many wait: it is lost.

        `views` are all pictures of a part that has several, in their order, `picture` among them; None for a torn one.
        """
        order = _Order(part, picture, keep, at_ms, data, views)
        if keep.upload:
            self._urgent.put(order)
            self._hurry.set()
            return True
        if self._orders.qsize() * max(1, len(views)) >= _WAITING:  # pictures take memory, not orders
            self.lost += 1
            return False
        self._orders.put(order)
        return True

    def close(self) -> None:
        """Store what still waits and stop."""
        self._closing = True
        self._hurry.set()
        if self._thread.is_alive():
            self._thread.join(5.0)
        self._database.close()

    def _work(self) -> None:
        said = ""
        while True:
            order = self._next()
            if order is None:
                return
            started = time.monotonic()
            try:
                self._store(order)
                self._follow(order)
                said = ""
            except (OSError, sqlite3.Error, Unavailable) as error:
                self.lost += 1
                if str(error) != said:
                    _log.warning("the picture of part %d was not kept, nor may others be: %s", order.part, error)
                said = str(error)
            self._rest(0.0 if order.keep.upload else _REST * (time.monotonic() - started))

    def _rest(self, seconds: float) -> None:
        """Leave the processor to the line, unless somebody waits for a picture or the ring is closing."""
        self._hurry.clear()
        if seconds > 0 and self._urgent.empty() and not self._closing:
            self._hurry.wait(seconds)

    def _follow(self, order: _Order) -> None:
        """Put the other views of a part before what still waits; nobody waits for them, and they are not sent."""
        keep = replace(order.keep, upload=False)
        for view, picture in enumerate(order.views):
            if picture is None or picture is order.picture:
                continue
            if len(self._others) >= _WAITING:
                self.lost += 1
                continue
            self._others.append(_Order(order.part, picture, keep, order.at_ms, view=view))

    def _next(self) -> _Order | None:
        """Wait for the next order, the urgent ones first; None when all is done and the ring is closing."""
        while True:
            closing = self._closing  # before looking: what was asked for before `close` is then seen
            for take in (self._urgent.get_nowait, self._others.popleft, self._orders.get_nowait):
                try:
                    return take()
                except (queue.Empty, IndexError):
                    continue
            if closing:
                return None
            self._hurry.wait(_LOOK_EVERY_S)
            self._hurry.clear()

    def _store(self, order: _Order) -> None:
        data = order.data if order.data is not None else self._encode(order.picture)
        digest = hashlib.sha256(data).hexdigest()
        self._make_room(len(data))
        self._write(digest, data)
        with self._database.transaction():
            new = self._database.row("has_image", digest=digest) is None
            self._database.run(
                "add_image",
                digest=digest,
                **{"class": int(order.keep.kind)},
                bytes=len(data),
                stored_ms=order.at_ms,
                upload="wanted" if order.keep.upload else "no",
                probability=order.keep.probability,
                part=order.part,
            )
            self._name(order, digest)
        self._held += len(data) if new else 0

    def _name(self, order: _Order, digest: str) -> None:
        """Write down whose picture it is, within the caller's transaction."""
        if order.view is not None:
            self._database.run("picture_view", part=order.part, view=order.view, digest=digest)
            return
        self._database.run("picture_part", id=order.part, digest=digest)
        for view, picture in enumerate(order.views):
            name = None if picture is None else digest if picture is order.picture else ""
            self._database.run("add_part_view", part=order.part, view=view, digest=name)

    def _write(self, digest: str, data: bytes) -> None:
        path = picture_path(self._folder, digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        try:
            partial.write_bytes(data)
            os.replace(partial, path)
        except OSError:
            partial.unlink(missing_ok=True)
            self._drop(_DROP_AT_ONCE)
            raise

    def _make_room(self, size: int) -> None:
        """Drop pictures until one more of `size` bytes keeps the quota and the disk's reserve."""
        while self._held + size > self._quota.pictures or self._free() - size < self._quota.reserve:
            if not self._drop(_DROP_AT_ONCE if self._held + size <= self._quota.pictures else 1):
                return

    def _free(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self._folder).free

    def _drop(self, count: int) -> int:
        """Drop the oldest pictures of the lowest class, the files first; return how many."""
        rows = self._database.rows("images_to_drop", limit=count)
        for digest, size in rows:
            picture_path(self._folder, digest).unlink(missing_ok=True)
            self._held -= size
        with self._database.transaction():
            for digest, _ in rows:
                self._database.run("drop_image", digest=digest)
            if rows:
                self._database.run("raise_tally", name="image.dropped", by=len(rows))
        return len(rows)


def picture_path(folder: Path, digest: str) -> Path:
    """Return where a picture of the ring lies."""
    return folder / digest[:2] / f"{digest}.png"
