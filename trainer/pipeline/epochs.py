"""The epochs that a training has finished, a line each in its scratch folder, where they outlive a crash.

The training's own curve is made of them; the Tuner follows them, and `resume` says after which one it goes on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EPOCHS = "epochs.jsonl"


def note_epoch(scratch: Path, epoch: Mapping[str, Any]) -> None:
    """Add a finished epoch, which has a `number`; what is not finite becomes null."""
    finite = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in epoch.items()}
    with (scratch / EPOCHS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(finite) + "\n")


def epochs_of(scratch: Path) -> list[dict[str, Any]]:
    """Return the epochs in the order of their numbers; a line that is still being written is left out."""
    path = scratch / EPOCHS
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    found = {epoch["number"]: epoch for epoch in (json.loads(line) for line in lines if line.endswith("}"))}
    return [found[number] for number in sorted(found)]
