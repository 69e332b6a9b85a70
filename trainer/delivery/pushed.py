"""Whether what was pushed is still where it was pushed to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_agent.contracts.bundle import BundleFolder
from trainer.delivery import history
from trainer.delivery.destinations import all_there
from trainer.pipeline.step import Artifact


def still_pushed(outputs: Mapping[str, Artifact], root: Path, to: Sequence[str], place: Path) -> bool:
    """Say whether what a former execution pushed is still there: its effect lies outside the store."""
    made = outputs["pushed"].properties
    folder = BundleFolder(root / "pushed" / str(made["model"]) / str(made["version"]))
    whole = (folder.folder / "manifest.json").is_file() and folder.id == made["bundle"] and not folder.problems()
    what = str(made["model"]), str(made["version"]), int(made["release"]), str(made["bundle"])
    return whole and all_there(to, place, *what) and any(entry.bundle == made["bundle"] for entry in history.load(root))
