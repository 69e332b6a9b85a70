"""Folders that somebody serves from: a version appears in them whole, and `latest` never names half a one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import Rejected, Unavailable
from trainer.pipeline.cache import sync, sync_tree, write_atomically

LATEST = "latest"


@dataclass(frozen=True)
class Origin:
    """What a folder was made of: the ID of the bundle, and its release."""

    bundle: str
    release: int


def deliver(target: Path, origin: Origin, make: Callable[[Path], None]) -> str:
    """Let `make` write a folder's content and put it at `target` in one step; return `placed` or `was there`.

    Raises Rejected where `target` is of another bundle, Unavailable when the disk refuses. A killed push leaves nothing
    but names that begin with a dot.
    """
    if holds(target, origin.bundle):
        return "was there"
    if target.exists() and _record(target).get("bundle") != origin.bundle:
        raise Rejected(f"{target} holds another model; give a new --version, or move it away")
    unfinished, former = (target.with_name(f".{target.name}.{kind}") for kind in ("part", "former"))
    try:
        for left in (unfinished, former):
            shutil.rmtree(left, ignore_errors=True)
        unfinished.mkdir(parents=True)
        make(unfinished)
        sync_tree(unfinished)
        record = {**asdict(origin), "files": _sizes(unfinished)}
        write_atomically(_record_path(target), json.dumps(record, sort_keys=True).encode())
        if target.exists():
            target.rename(former)
        unfinished.rename(target)
        sync(target.parent)
        shutil.rmtree(former, ignore_errors=True)
    except OSError as error:
        raise Unavailable(f"{target}: cannot be written ({error.strerror}); free space and run again") from error
    return "placed"


def holds(target: Path, bundle: str) -> bool:
    """Say whether `target` was made of this bundle and no file of it is gone or cut."""
    record = _record(target)
    return record.get("bundle") == bundle and target.is_dir() and _sizes(target) == record.get("files")


def name_latest(target: Path) -> None:
    """Let `latest` beside `target` name it, in one step, unless it names a later release."""
    if latest_release(target.parent) > _release(target):
        return
    alias, unfinished = target.with_name(LATEST), target.with_name(f".{LATEST}.part")
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(target.name)
    unfinished.replace(alias)
    sync(target.parent)


def latest_release(folder: Path) -> int:
    """Return the release that `latest` in the folder names; 0 when it names nothing that is there."""
    alias = folder / LATEST
    return _release(folder / os.readlink(alias)) if alias.is_symlink() and alias.is_dir() else 0


def _record_path(target: Path) -> Path:
    return target.with_name(f".{target.name}.json")


def _release(target: Path) -> int:
    return int(_record(target).get("release", 0))


def _record(target: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(_record_path(target).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _sizes(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_size for p in sorted(folder.rglob("*")) if p.is_file()}
