"""The HyperParameters artifact as the Trainer takes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.tuning.search import chosen_values

FILE = "hyperparameters.json"


def tuned(values: Mapping[str, Any], hyperparameters: Path | None) -> dict[str, Any]:
    """Return the Trainer's parameters with what the Tuner chose, unchanged where there was no Tuner."""
    if hyperparameters is None:
        return dict(values)
    return chosen_values(values, json.loads((hyperparameters / FILE).read_text(encoding="utf-8")))
