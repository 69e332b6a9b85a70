"""Which bundles have passed their self-test on this device, and with which software around them.

The self-test's answer follows from the bundle's bytes and from what runs them. A bundle whose hashes were verified
again and that passed with the same software needs no second test: the way back to it takes no longer than the check.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from edge_agent.contracts.encoding import canonical_json
from edge_agent.inference.delegate import Delegate
from edge_agent.journal.database import Database

_KEY = "selftest/passed"
_PARTS = ("lineside", "ai-edge-litert", "tflite-runtime", "numpy", "opencv-python-headless")


def software(device_class: str, threads: int | str, delegate: Delegate | None = None) -> str:
    """Return what a self-test's answer depends on besides the bundle: versions, class of device, threads, delegate."""
    found = [f"class {device_class}", f"threads {threads}", platform.machine(), f"python {platform.python_version()}"]
    found += [f"delegate {delegate.text()}"] if delegate is not None else []
    for name in _PARTS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


class Proofs:
    """The memory of passed self-tests, in the journal; `installed` says whether a bundle still lies on this device."""

    def __init__(self, database: Database, software: str, installed: Callable[[str], bool]) -> None:
        self._database, self._software, self._installed = database, software, installed

    def holds(self, bundle: str) -> bool:
        """Return whether the bundle has passed with exactly the software that is here now."""
        return self._read().get(bundle) == self._software

    def add(self, bundle: str) -> None:
        """Remember that the bundle has passed; what is no longer installed is forgotten."""
        known = {name: where for name, where in self._read().items() if self._installed(name)}
        with self._database.transaction():
            value = canonical_json({**known, bundle: self._software}).decode()
            self._database.run("set_meta", key=_KEY, value=value)

    def _read(self) -> dict[str, str]:
        row = self._database.row("read_meta", key=_KEY)
        found: dict[str, str] = json.loads(row[0]) if row else {}
        return found
