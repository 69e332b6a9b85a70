"""A gate that writes each pulse down: one JSON line per part, as a PLC's counter would see it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from edge_agent.contracts.errors import Unavailable
from edge_agent.outputs.output import Outcome


class GateFile:
    """Appends `{"boot", "seq", "serial", "verdict", "reason"}` to a file, each line in one write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def drive(self, outcome: Outcome) -> None:
        """Append the line. Raises Unavailable when it cannot be written whole."""
        fields = (outcome.boot, outcome.seq, outcome.serial, outcome.verdict.value, outcome.reason.value)
        line = json.dumps(dict(zip(("boot", "seq", "serial", "verdict", "reason"), fields, strict=True)))
        data = line.encode() + b"\n"
        try:
            written = os.write(self._handle, data)
        except OSError as error:
            raise Unavailable(f"{self._path}: the gate cannot be told ({error.strerror})") from error
        if written != len(data):
            raise Unavailable(f"{self._path}: the gate was told only {written} of {len(data)} bytes")

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)
