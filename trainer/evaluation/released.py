"""Refused models that persons released: `override.json` in a ModelBlessing, and all of them in `overrides.jsonl`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.errors import ConfigError

RECORD, FILE = "override.json", "overrides.jsonl"


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


def overrides(root: Path) -> list[Override]:
    """Return every override of the root, oldest first. Raises ConfigError for a damaged file."""
    path = root / FILE
    if not path.is_file():
        return []
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [Override(**{**line, "refused": tuple(line["refused"])}) for line in lines]
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path}: not a list of overrides ({error}); restore it from a backup") from error
