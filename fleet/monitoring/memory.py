"""A stream's memory as bytes and back: zlib of canonical JSON, exact in every integer."""

from __future__ import annotations

import json
import zlib
from typing import Any

from edge_agent.contracts.encoding import canonical_json
from edge_agent.contracts.window import Baseline, Statistics, Tally
from fleet.monitoring.detectors import Pool, Stream, Test, read


def dump(stream: Stream) -> bytes:
    """Return the stream as bytes; what follows from the counts is left out."""
    state = {
        "pool": None if stream.pool is None else _pool(stream.pool),
        "evidence": dict(stream.evidence),
        "recent": [{**_pool(_as_pool(test)), "evidence": _evidence(test)} for test in stream.recent],
        "alarmed": dict(stream.alarmed),
        "quiet": stream.quiet,
        "tests": stream.tests,
    }
    return zlib.compress(canonical_json(state))


def load(data: bytes, baseline: Baseline) -> Stream:
    """Return the stream that `dump` wrote; `baseline` is the one of its bundle."""
    state = json.loads(zlib.decompress(data))
    return Stream(
        pool=None if state["pool"] is None else _to_pool(state["pool"], baseline),
        evidence=state["evidence"],
        recent=tuple(_to_test(test, baseline) for test in state["recent"]),
        alarmed=state["alarmed"],
        quiet=state["quiet"],
        tests=state["tests"],
    )


def _evidence(test: Test) -> dict[str, float]:
    return {name: reading.evidence for name, reading in test.readings.items() if reading.evidence > 0}


def _as_pool(test: Test) -> Pool:
    return Pool(test.statistics, test.started_ms, test.ended_ms, test.parts, test.windows)


def _pool(pool: Pool) -> dict[str, Any]:
    tallies = pool.statistics.tallies
    return {
        "rows": {name: [t.n, t.total, t.squares, t.invalid, t.bins] for name, t in tallies.items()},
        "counters": pool.statistics.counters,
        "started_ms": pool.started_ms,
        "ended_ms": pool.ended_ms,
        "parts": pool.parts,
        "windows": pool.windows,
    }


def _to_pool(state: dict[str, Any], baseline: Baseline) -> Pool:
    tallies = {name: Tally(row[4], row[0], row[1], row[2], row[3]) for name, row in state["rows"].items()}
    statistics = Statistics(baseline.schema_id, tallies, state["counters"])
    return Pool(statistics, state["started_ms"], state["ended_ms"], state["parts"], state["windows"])


def _to_test(state: dict[str, Any], baseline: Baseline) -> Test:
    pool = _to_pool(state, baseline)
    readings = {
        feature.name: read(
            feature, pool.statistics.tallies[feature.name], baseline, state["evidence"].get(feature.name, 0.0)
        )
        for feature in baseline.features
    }
    return Test(pool.started_ms, pool.ended_ms, pool.parts, pool.windows, pool.statistics, readings)
