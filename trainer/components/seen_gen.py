"""ServingStatisticsGen: what the fleet's stations have counted of production, as `fleet windows` wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_agent.contracts.seen import decode_seen
from trainer.pipeline.step import Context

FILE = "seen.json"


def seen_gen(seen: Path, statistics: Path, context: Context) -> dict[str, Any]:
    """Write the windows and their statistics as TFDV's. Raises Rejected for a file that holds no windows."""
    from trainer.validation.seen_windows import statistics_of

    context.progress("reading the windows", None)
    content = (seen / FILE).read_bytes()
    found = decode_seen(content, "example_validator.serving")
    (statistics / FILE).write_bytes(content)
    (statistics / "Split-serving").mkdir()
    made = statistics_of(found.baseline, found.features)
    (statistics / "Split-serving" / "FeatureStats.pb").write_bytes(made.SerializeToString(deterministic=True))
    who = f"{len(found.devices)} stations, {found.model} {found.version}"
    said = f"{found.windows} windows of {found.parts} parts at {who}"
    return {"statistics": {"split_names": "['serving']", "reasons": [said]}}
