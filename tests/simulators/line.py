"""An inspection line in a test: a real home, bundle and hot loop, and a camera under the test's hand."""

from __future__ import annotations

import json
import os
import queue
import random
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.agent import Hot, Surroundings
from edge_agent.capture.frame import Frame
from edge_agent.channel import LocalChannel, Message
from edge_agent.clock import SYSTEM, Clock
from edge_agent.config import StationConfig
from edge_agent.contracts.bundle import BundleFolder, Manifest, manifest_bytes
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Unavailable
from edge_agent.home import Home
from edge_agent.inference.interpreter import Interpreter
from edge_agent.install.slots import Slots, write_slots
from edge_agent.journal.journal import PartRow
from edge_agent.models import LoadFolder

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
TINY = FIXTURES / "bundles" / "tiny-v1"
TINY_2 = FIXTURES / "bundles" / "tiny-v2"
PARTS = FIXTURES / "parts"
GOOD, SCRATCHED = "images/p900-000_1.jpg", "images/p900-001_1.jpg"


def picture(name: str = GOOD) -> npt.NDArray[np.uint8]:
    """A picture of the fixtures as a camera would give it, grey."""
    return np.asarray(cv2.imread(str(PARTS / name), cv2.IMREAD_GRAYSCALE), np.uint8)


def altered_bundle(folder: Path, source: Path = TINY, model: bytes | None = None, **changes: Any) -> Path:
    """Copy a bundle with other values: keys like `recipe__deadline_ms`, or `thresholds` of every variant.

    `model` replaces the graph of the variant `float32`. Parts get a minute unless `recipe__deadline_ms` says otherwise:
    a busy machine is no fault.
    """
    changes.setdefault("recipe__deadline_ms", 60_000)
    shutil.copytree(source, folder)
    content = json.loads((folder / "manifest.json").read_bytes())
    for key, value in changes.items():
        if key == "thresholds":
            for variant in content["variants"]:
                variant["thresholds"].update(accept_below=value[0], reject_above=value[1])
            continue
        *path, last = key.split("__")
        place = content
        for step in path:
            place = place[step]
        place[last] = value
    if model is not None:
        blob = {"digest": digest_bytes(model), "size": len(model)}
        (folder / "blobs" / "sha256" / blob["digest"]).write_bytes(model)
        next(variant for variant in content["variants"] if variant["id"] == "float32")["blob"] = blob
    (folder / "manifest.json").write_bytes(manifest_bytes(Manifest.model_validate(content)))
    return folder


def nan_graph() -> bytes:
    """The fixture's float32 graph with NaN in every constant of the classifying layer."""
    folder = BundleFolder(TINY)
    manifest = folder.open()
    data = bytearray(folder.read(manifest.variant_for("generic").blob))
    interpreter = Interpreter(bytes(data), 1)
    spoilt = 0
    for detail in interpreter._tflite.get_tensor_details():
        if detail["dtype"] != np.float32 or tuple(detail["shape"])[:1] != (interpreter.classes,):
            continue
        raw = interpreter._tflite.get_tensor(detail["index"]).tobytes()
        at = data.find(raw)
        if at >= 0:
            data[at : at + len(raw)] = np.full(len(raw) // 4, np.nan, np.float32).tobytes()
            spoilt += 1
    assert spoilt, "the fixture's graph has no constant of the classifier"
    return bytes(data)


def install(home: Home, bundle: Path, active: bool = True) -> str:
    """Put a bundle into a home as the updater would."""
    bundle_id = BundleFolder(bundle).id
    if not home.bundle(bundle_id).exists():
        shutil.copytree(bundle, home.bundle(bundle_id))
    if active:
        write_slots(home.root, Slots(active=bundle_id, last_good=bundle_id))
    return bundle_id


@dataclass
class Bench:
    """A camera that gives what the test puts in front of it; `live` ones lose what nobody takes."""

    live: bool = False
    period_s: float = 0.0
    plugged: threading.Event = field(default_factory=threading.Event)
    frames: queue.Queue[Frame | None] = field(default_factory=queue.Queue)
    clock: Clock = SYSTEM
    index: int = 0

    def __post_init__(self) -> None:
        self.plugged.set()

    def show(self, image: npt.NDArray[np.uint8] | None, serial: str = "", view: int = 0, views: int = 1) -> None:
        """Put one frame in front of the camera; None is a torn one."""
        self.index += 1
        at = self.clock.monotonic()
        self.frames.put(Frame(image, at, serial, self.index, view, views, live=self.live))

    def open(self) -> None:
        """Connect if plugged in."""
        if not self.plugged.is_set():
            raise Unavailable("bench camera is unplugged")

    def read(self) -> Frame | None:
        """Return the next frame; a live camera waits for it, a stored one is at its end."""
        if not self.live:
            return self.frames.get_nowait() if not self.frames.empty() else None
        while self.plugged.is_set():
            try:
                return self.frames.get(timeout=0.02)
            except queue.Empty:
                continue
        raise Unavailable("bench camera is unplugged")

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class Gate:
    """An output that remembers what it was told."""

    told: list[tuple[int, str, str]] = field(default_factory=list)

    def drive(self, outcome: Any) -> None:
        """Remember seq, verdict and reason."""
        self.told.append((outcome.seq, outcome.verdict.value, outcome.reason.value))

    def close(self) -> None:
        """Nothing is held."""


class LineRig:
    """The hot loop on a bench: `step` by hand, look at journal, gate and messages.

    `TINY` is taken with a deadline that a busy machine keeps.
    """

    def __init__(
        self,
        folder: Path,
        bundle: Path | None = TINY,
        config: StationConfig | None = None,
        camera: Any = None,
        clock: Clock = SYSTEM,
        load: LoadFolder | None = None,
        seed: int = 1,
    ) -> None:
        self.home = Home(folder)
        if bundle == TINY:
            bundle = altered_bundle(folder / "patient")
        self.bundle = install(self.home, bundle) if bundle is not None else None
        self.camera = camera or Bench(clock=clock)
        self.gate = Gate()
        self.sent: list[Message] = []
        self.channel = LocalChannel(self.sent.append)
        self.boot: UUID = uuid4()
        around = Surroundings(clock, self.camera, self.gate, random.Random(seed), load=load)
        self.hot = Hot(self.home, self.boot, self.channel, config or StationConfig(), around)

    def __enter__(self) -> LineRig:
        self.hot.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hot.close()

    def step(self, wait_s: float = 0.02, until: int | None = None) -> None:
        """Run the loop once, or until the journal holds that many parts."""
        self.hot.step(wait_s)
        for _ in range(500):
            if until is None or len(self.parts()) >= until:
                return
            self.hot.step(wait_s)

    def parts(self) -> list[PartRow]:
        """All parts of the journal, oldest first."""
        return list(reversed(self.hot.journal.recent(1000)))

    def said(self, kind: str) -> list[Message]:
        """Messages of a kind that the hot process sent."""
        return [message for message in self.sent if message["kind"] == kind]


def environment() -> dict[str, str]:
    """The environment of a child process that may import the tests."""
    return {**os.environ, "PYTHONPATH": str(FIXTURES.parents[1])}
