"""Pusher: a blessed bundle goes to its places, whole, and only then becomes the latest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import Rejected
from trainer.delivery import history
from trainer.delivery.destinations import FLEET, Goods, push, target_of
from trainer.delivery.fleet_command import publish
from trainer.delivery.pushed import note_origin
from trainer.evaluation.outcome import METRICS
from trainer.pipeline.cache import sync, sync_tree, write_atomically
from trainer.pipeline.step import Context

FILE = "pushed.json"


def pusher(
    bundle: Path,
    blessing: Path,
    infra_blessing: Path,
    evaluation: Path,
    model: Path,
    examples: Path,
    data: Path,
    pushed: Path,
    fleet_home: str,
    to: Sequence[str],
    origin: str,
    root: str,
    place: str,
    context: Context,
) -> dict[str, Any]:
    """Copy the bundle to `root/pushed/<name>/<version>`, then to every destination, and name it the latest.

    `to` are kinds of destinations below `place`; `fleet_home` is the fleet to publish to, "" = none. Both blessings are
    inputs because a step whose blessing was refused is not run. Artifacts' folders are named by their digests. Raises
    Rejected when the version exists with other content, Unavailable when the fleet is away. What was pushed before
    a failure is found there by the next attempt.
    """
    manifest = BundleFolder(bundle).open()
    identity = BundleFolder(bundle).id
    target = Path(root) / "pushed" / manifest.name / manifest.version
    context.progress(f"{manifest.name} {manifest.version}", None)
    note_origin(target, origin)
    copy_whole(bundle, target)
    goods = Goods(BundleFolder(target), manifest, identity, model)
    outcomes = {}
    for kind in (one for one in to if one != FLEET):
        context.progress(f"{manifest.name} {manifest.version} to {kind}", None)
        outcomes[kind] = push(kind, goods, Path(place))
    if fleet_home:
        publish(target, Path(fleet_home))
        outcomes[FLEET] = "published"
    metrics = json.loads((evaluation / METRICS).read_text(encoding="utf-8"))
    entry = history.Blessed(
        model=manifest.name,
        version=manifest.version,
        release=manifest.release,
        bundle=identity,
        data=data.name,
        examples=examples.name,
        model_digest=model.name,
        evaluation=evaluation.name,
        origin=origin,
        eval=metrics["part"],
    )
    history.add(Path(root), entry)
    what = {"model": entry.model, "version": entry.version, "release": entry.release, "bundle": identity}
    places = {
        kind: str(target_of(kind, entry.model, entry.version, entry.release)) for kind in outcomes if kind != FLEET
    }
    write_atomically(pushed / FILE, json.dumps({**what, "places": places}, indent=1, sort_keys=True).encode())
    reasons = [f"{manifest.name} {manifest.version} is the latest", *(f"{k}: {v}" for k, v in outcomes.items())]
    return {"pushed": {**what, "destinations": outcomes, "reasons": reasons}}


def copy_whole(bundle: Path, target: Path) -> None:
    """Put the bundle where it belongs, whole or not at all; the same bundle may be there already."""
    if target.is_dir():
        known = BundleFolder(target)
        if known.id == BundleFolder(bundle).id and not known.problems():
            return
        if known.id != BundleFolder(bundle).id:
            raise Rejected(f"{target} holds another bundle ({known.id[:12]}); give a new --version")
    unfinished = target.with_name(f".{target.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(bundle, unfinished)
    sync_tree(unfinished)
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)
    sync(target.parent)
