"""Models as a test needs them: real ones that are counted when they are loaded, and that wait or break when told to."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.preprocess import Picture
from edge_agent.inference.champion import Inference, Model, ModelError, load_model


class Obedient(Model):
    """A model that looks at no picture while its `going` is clear, and fails on all while `broken` is set."""

    going: threading.Event
    broken: threading.Event

    def infer(self, picture: Picture, size: Sequence[int] | None = None) -> Inference:
        """Wait, fail, or score the picture."""
        self.going.wait(30.0)
        if self.broken.is_set():
            raise ModelError("told to fail")
        return super().infer(picture, size)


@dataclass
class Shelf:
    """Loads models for a station; `loads` are the bundles that were loaded, in order.

    Models other than the first wait while `going` is clear and fail while `broken` is set.
    """

    loads: list[str] = field(default_factory=list)
    going: threading.Event = field(default_factory=threading.Event)
    broken: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.going.set()

    def __call__(self, folder: BundleFolder, device_class: str) -> Model:
        """Load a bundle's model."""
        plain = load_model(folder, device_class, 1)
        self.loads.append(plain.bundle)
        if self.loads[0] == plain.bundle:
            return plain
        model = Obedient(plain.bundle, plain.manifest, plain.variant, plain._interpreter)
        model.going, model.broken = self.going, self.broken
        return model
