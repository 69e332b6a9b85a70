"""What lies below `ROOT/pushed`: whether it is still whole, and which versions have their names from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edge_agent.contracts.bundle import BundleFolder
from trainer.delivery import history
from trainer.delivery.destinations import all_there
from trainer.pipeline.cache import write_atomically
from trainer.pipeline.step import Artifact


def still_pushed(outputs: Mapping[str, Artifact], root: Path, to: Sequence[str], place: Path) -> bool:
    """Say whether what a former execution pushed is still there: its effect lies outside the store."""
    made = outputs["pushed"].properties
    folder = BundleFolder(root / "pushed" / str(made["model"]) / str(made["version"]))
    whole = (folder.folder / "manifest.json").is_file() and folder.id == made["bundle"] and not folder.problems()
    what = str(made["model"]), str(made["version"]), int(made["release"]), str(made["bundle"])
    return whole and all_there(to, place, *what) and any(entry.bundle == made["bundle"] for entry in history.load(root))


def note_origin(target: Path, origin: str) -> None:
    """Note what a version is made of before anything of it is pushed: a push that fails leaves its name taken."""
    if not target.is_dir():
        write_atomically(_origin(target), origin.encode())


def names_taken(folder: Path, origin: str, holds: Callable[[str], bool]) -> set[str]:
    """Return the versions below `folder` that a bundle of this origin cannot have.

    Its own is not among them as long as the store holds that very bundle, which `holds` says of its ID.
    """
    there = [path for path in folder.glob("*") if (path / "manifest.json").is_file()]
    return {path.name for path in there if _noted(path) != origin or not holds(BundleFolder(path).id)}


def _noted(target: Path) -> str:
    path = _origin(target)
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _origin(target: Path) -> Path:
    return target.with_name(f".{target.name}.origin")
