"""What a ModelBlessing says where a person released a refused model: `override.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

RECORD = "override.json"


@dataclass(frozen=True)
class Override:
    """Who released a refused model, when (UTC) and why; `refused`: what the evaluation had against it."""

    model: str
    by: str
    at: str
    reason: str
    refused: tuple[str, ...]
    refused_blessing: str
    run: str

    @property
    def text(self) -> str:
        """One line for reports, the lineage and the model card."""
        return f"released by {self.by} on {self.at} against the evaluation: {self.reason}"


def read_override(blessing: Path | None) -> Override | None:
    """Return the override that a ModelBlessing carries; None where the model was blessed by its evaluation."""
    if blessing is None or not (blessing / RECORD).is_file():
        return None
    content = json.loads((blessing / RECORD).read_text(encoding="utf-8"))
    return Override(**{**content, "refused": tuple(content["refused"])})
