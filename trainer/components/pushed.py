"""Whether what was pushed is still where it was pushed to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edge_agent.contracts.bundle import BundleFolder
from trainer.components import history
from trainer.pipeline.step import Artifact


def still_pushed(outputs: Mapping[str, Artifact], root: Path) -> bool:
    """Say whether what a former execution pushed is still there: its effect lies outside the store."""
    made = outputs["pushed"].properties
    folder = BundleFolder(root / "pushed" / str(made["model"]) / str(made["version"]))
    there = (folder.folder / "manifest.json").is_file() and folder.id == made["bundle"]
    return there and any(entry.bundle == made["bundle"] for entry in history.load(root))
