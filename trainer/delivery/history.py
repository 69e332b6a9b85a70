"""The models that were blessed in a root, oldest first: `blessed.json`, and the newest in `latest-blessed.json`."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError
from trainer.pipeline.cache import write_atomically
from trainer.pipeline.lock import file_lock

FILE, LATEST = "blessed.json", "latest-blessed.json"


@dataclass(frozen=True)
class Blessed:
    """A blessed model. `data`, `examples`, `model_digest` and `evaluation` are digests of artifacts in the store.

    `origin` names everything the bundle was made of but its version: the same origin may keep its version.
    """

    model: str
    version: str
    release: int
    bundle: str
    data: str
    examples: str
    model_digest: str
    evaluation: str
    origin: str
    eval: dict[str, Any]


def load(root: Path) -> tuple[Blessed, ...]:
    """Return all blessed models of the root, oldest first. Raises ConfigError for a damaged file."""
    path = root / FILE
    if not path.is_file():
        return ()
    try:
        return tuple(Blessed(**entry) for entry in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{path}: not a list of blessed models ({error}); restore it from a backup") from error


def add(root: Path, entry: Blessed) -> None:
    """Append a model and make it the latest; one that is there already is not added again.

    Runs that do so at once wait for each other.
    """
    with file_lock(root / "locks" / "blessed"):
        known = load(root)
        if entry not in known:
            known = (*known, entry)
        write_atomically(root / FILE, json.dumps([asdict(one) for one in known], indent=1).encode())
        write_atomically(root / LATEST, json.dumps(asdict(known[-1]), indent=1).encode())


def before(known: Sequence[Blessed], name: str, model_digest: str) -> Blessed | None:
    """Return what the model must be compared with: the last blessed one of that name before it."""
    own = [entry for entry in known if entry.model == name]
    places = [i for i, entry in enumerate(own) if entry.model_digest == model_digest]
    earlier = own[: places[0]] if places else own
    return earlier[-1] if earlier else None


def not_made_of(known: Sequence[Blessed], name: str, data: str) -> Blessed | None:
    """Return the last blessed model of that name that came before any made of this very data.

    A run that is repeated so finds what its first time found, and is cached.
    """
    own = [entry for entry in known if entry.model == name]
    places = [i for i, entry in enumerate(own) if entry.data == data]
    earlier = own[: places[0]] if places else own
    return earlier[-1] if earlier else None


def next_release(
    known: Sequence[Blessed],
    name: str,
    origin: str,
    version: str,
    taken: int = 0,
    holds: Callable[[str], bool] = lambda _bundle: True,
    named: Collection[str] = (),
) -> tuple[str, int]:
    """Return version and release for a bundle: those it was blessed under, else one release more than the latest.

    `holds` says whether a bundle is still there: one that must be made again is measured again, is another one then,
    and so needs a version of its own. `named` are versions that others began to push and did not end.

    `version` "" means: named after the release, the first whose name no other model has. `taken` is the fleet's latest
    release of that name, which another root may have made.
    """
    own = [entry for entry in known if entry.model == name]
    for entry in own:
        if entry.origin == origin and version in ("", entry.version) and holds(entry.bundle):
            return entry.version, entry.release
    release = max(taken, own[-1].release if own else 0) + 1
    if version:
        return version, release
    versions = {*named, *(entry.version for entry in own)}
    while f"v{release}" in versions:
        release += 1
    return f"v{release}", release
