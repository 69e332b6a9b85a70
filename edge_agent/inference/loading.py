"""Models are loaded beside the line: a thread loads, the hot loop picks the result up between two parts."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from edge_agent.contracts.errors import LinesideError
from edge_agent.inference.champion import Model


class Part(Enum):
    """What a model is loaded for."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    WARM = "warm"


@dataclass(frozen=True)
class Loaded:
    """A bundle that was asked for: its model, or why it cannot be loaded, and what it was asked for."""

    bundle: str
    model: Model | None
    reason: str = ""
    part: Part = Part.CHAMPION


class Loader:
    """Loads one bundle at a time by `load`, in the order of the requests."""

    def __init__(self, load: Callable[[str], Model]) -> None:
        self._load = load
        self._done: queue.SimpleQueue[Loaded] = queue.SimpleQueue()
        self._turn = threading.Lock()

    def request(self, bundle: str, part: Part = Part.CHAMPION) -> None:
        """Begin to load a bundle; `finished` gives the result."""
        threading.Thread(target=self._work, args=(bundle, part), name="loader", daemon=True).start()

    def finished(self) -> Loaded | None:
        """Return a result that is ready, or None; never waits."""
        return None if self._done.empty() else self._done.get()

    def load_now(self, bundle: str) -> Loaded:
        """Load in the calling thread."""
        try:
            with self._turn:
                return Loaded(bundle, self._load(bundle))
        except (LinesideError, OSError, ValueError, RuntimeError, MemoryError) as error:
            return Loaded(bundle, None, str(error) or type(error).__name__)

    def _work(self, bundle: str, part: Part) -> None:
        self._done.put(replace(self.load_now(bundle), part=part))
