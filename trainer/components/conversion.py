"""What the Converters of pictures and tables have in common: what they pack with, and what they say of a bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.contracts.bundle import Sources
from trainer.evaluation.released import read_override

if TYPE_CHECKING:
    from converter.convert import Conversion, Options


def options_of(
    blessing: Path, version: str, release: int, sources: Mapping[str, str], cost: Mapping[str, Any] | None
) -> Options:
    """Return how to convert; a model that a person released in spite of its evaluation carries that as a remark."""
    from converter.confidence import Cost
    from converter.convert import Options

    released = read_override(blessing)
    return Options(
        version=version,
        release=release,
        sources=Sources(**sources),
        cost=Cost(**cost) if cost else None,
        remarks=(released.text, *released.refused) if released is not None else (),
    )


def emptied(scratch: Path) -> Path:
    """Return the folder of the conversion, without what a killed one has left in it."""
    out = scratch / "conversion"
    shutil.rmtree(out, ignore_errors=True)
    return out


def take(made: Conversion, bundle: Path, version: str, release: int) -> dict[str, Any]:
    """Copy the bundle into the output and return its properties."""
    shutil.copytree(made.bundle, bundle, dirs_exist_ok=True)
    failed = [f"{one.id} {one.status}: {one.reason}" for one in made.variants if one.status != "passed"]
    properties = {"bundle": made.bundle_id, "chosen": made.chosen, "version": version, "release": release}
    return {"bundle": {**properties, "variants": json.dumps(list(made.rows)), "reasons": [made.why, *failed]}}
