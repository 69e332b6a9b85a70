"""The audited override: a person releases a model that its evaluation refused, and it is never forgotten who and why.

A new ModelBlessing is published, recorded in ML Metadata as made from the refused one, and becomes the Evaluator's
result for exactly that model, data and settings: the next run goes on from there. Nothing else is changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError, Rejected, Unavailable
from trainer.evaluation.released import FILE, RECORD, Override
from trainer.pipeline.driver import Driver
from trainer.pipeline.index import Entry, Stored
from trainer.pipeline.metadata import Metadata
from trainer.pipeline.runs import Runs
from trainer.pipeline.step import Artifact, Step

STEP = "AuditedOverride"
_REASON, _SHORTEST = 10, 6


def override(root: Path, wanted: str, by: str, reason: str, now_ms: int, metadata_url: str = "") -> Override:
    """Release the model of a run, or the one whose digest begins so, that the Evaluator refused.

    Call it under a lock of the root. Raises Rejected without a name or a reason of some words, and for a model that is
    blessed already; ConfigError for one that the root does not know.
    """
    by, reason = by.strip(), " ".join(reason.split())
    if not by or len(reason) < _REASON:
        raise Rejected(f"a name and a reason of at least {_REASON} letters are needed; both are kept for good")
    driver = Driver(root)
    try:
        key, entry = _refused(driver, root, wanted)
        known = entry.outputs["blessing"]
        when = datetime.fromtimestamp(now_ms / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
        refused = tuple(str(text) for text in known.properties.get("reasons", []))
        record = Override(entry.parts.inputs["model"], by, when, reason, refused, known.digest, entry.run)
        made = _publish(driver, record)
        _note(root, record)
        _record(root, metadata_url, driver, entry, made, record)
        outputs = {**entry.outputs, "blessing": Stored(made.type, made.digest, dict(made.properties))}
        driver.index.add(key, Entry(entry.step, entry.parts, outputs, entry.run, entry.seconds, entry.created_ms))
        return record
    finally:
        driver.close()


def _refused(driver: Driver, root: Path, wanted: str) -> tuple[str, Entry]:
    entry = _of_run(driver, root, wanted) if wanted in Runs(root).names() else _of_model(driver, wanted)
    if entry is None:
        runs = ", ".join(Runs(root).names()[-3:]) or "none"
        raise ConfigError(f"{root} knows no evaluated model or run '{wanted}'; its last runs are {runs}")
    if entry.outputs["blessing"].properties.get("blessed", 1):
        raise Rejected(f"{wanted}: the model is blessed already; there is nothing to release")
    return entry.parts.key, entry


def _of_run(driver: Driver, root: Path, run: str) -> Entry | None:
    step = Runs(root).load(run).step("Evaluator")
    return driver.index.find(step.key) if step is not None and step.key else None


def _of_model(driver: Driver, digest: str) -> Entry | None:
    """Return the newest evaluation of the model; the models that the root has made are looked through."""
    if len(digest) < _SHORTEST:
        return None
    for name in reversed(Runs(driver.root).names()):
        entry = _of_run(driver, driver.root, name)
        if entry is not None and entry.parts.inputs.get("model", "").startswith(digest):
            return entry
    return None


def _publish(driver: Driver, record: Override) -> Artifact:
    staged = driver.store.stage(f"{STEP}.blessing")
    (staged / RECORD).write_text(json.dumps(asdict(record), indent=1, sort_keys=True), encoding="utf-8")
    (staged / "BLESSED").write_text(f"{record.model}\n", encoding="utf-8")
    digest = driver.store.publish(staged)
    properties: Mapping[str, Any] = {
        "blessed": 1,
        "reasons": [record.text, *(f"the evaluation said: {text}" for text in record.refused)],
        "override_by": record.by,
        "override_at": record.at,
        "override_reason": record.reason,
        "override_of": record.refused_blessing,
    }
    return Artifact("ModelBlessing", digest, driver.store.path(digest), properties)


def _note(root: Path, record: Override) -> None:
    """Append one line to ROOT/overrides.jsonl, on the disk before anything depends on it."""
    line = json.dumps(asdict(record), sort_keys=True) + "\n"
    try:
        with (root / FILE).open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Unavailable(f"{root / FILE}: cannot be written ({error.strerror}); nothing was released") from error


def _record(root: Path, url: str, driver: Driver, entry: Entry, made: Artifact, record: Override) -> None:
    """Write the act into ML Metadata: an execution that made the blessing from the refused one and the evaluation."""
    used = {name: driver.artifact(stored) for name, stored in entry.outputs.items()}
    step = Step(STEP, "trainer.evaluation.override:override", {}, {"blessing": made.type})
    metadata = Metadata(root, url)
    execution = metadata.begin(step, used, entry.parts.key, "audit", f"{record.run}.{made.digest[:12]}")
    metadata.complete(execution, {"blessing": made})
