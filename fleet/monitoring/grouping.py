"""From alarms of single streams to one finding per site and model, so that one lamp raises one alert."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fleet.monitoring.causes import Diagnosis, diagnose
from fleet.monitoring.detectors import Pool, Reading, Reference, Stream, Test, merged_tests, read

SITE, DEVICE, LATE = "site", "device", "late"
"""Scopes of streams. Windows that came days late go into a device's `late` stream, which pages nobody (M03)."""


@dataclass(frozen=True)
class StreamKey:
    """Which stream: the windows of one device, or of a whole site, that ran one bundle."""

    scope: str
    site: str
    device: str
    bundle: str


@dataclass(frozen=True)
class SiteFinding:
    """What is wrong at one site with one bundle, and all a person needs to judge it."""

    site: str
    bundle: str
    diagnosis: Diagnosis
    devices: tuple[str, ...]
    readings: Mapping[str, Reading]
    alarmed: tuple[str, ...]
    first_ms: int
    last_ms: int
    windows: Pool


def site_finding(streams: Mapping[StreamKey, Stream], reference: Reference) -> SiteFinding | None:
    """Join the alarms of one site's streams of one bundle into one finding; None where nothing alarms.

    `alarmed` is sorted by drift score, worst first. Windows count once: the site's own stream is the evidence where it
    alarms, else the devices that alarm.
    """
    over = {key: stream for key, stream in streams.items() if stream.alarmed}
    if not over:
        return None
    whole_site = [stream for key, stream in over.items() if key.scope == SITE]
    evidence = merged_tests(tuple(test for stream in (whole_site or over.values()) for test in _since_alarm(stream)))
    if evidence is None:
        return None
    features = _earliest(stream.alarmed for stream in over.values())
    strength = _strongest(stream.evidence for stream in over.values())
    tallies = evidence.statistics.tallies
    readings = {
        f.name: read(f, tallies[f.name], reference.baseline, strength.get(f.name, 0.0))
        for f in reference.baseline.features
    }
    alarmed = tuple(sorted(features, key=lambda name: -readings[name].score))
    key = next(iter(over))
    devices = tuple(sorted(k.device for k in over if k.scope != SITE))
    diagnosis = diagnose(readings, frozenset(alarmed))
    first = min(min(features.values()), evidence.started_ms)
    return SiteFinding(key.site, key.bundle, diagnosis, devices, readings, alarmed, first, evidence.ended_ms, evidence)


def _since_alarm(stream: Stream) -> tuple[Test, ...]:
    speaking = tuple(t for t in stream.recent if any(t.readings[name].evidence > 0 for name in stream.alarmed))
    return speaking or stream.recent[-1:]


def _earliest(maps: Iterable[Mapping[str, int]]) -> dict[str, int]:
    joined: dict[str, int] = {}
    for one in maps:
        for name, value in one.items():
            joined[name] = min(value, joined.get(name, value))
    return joined


def _strongest(maps: Iterable[Mapping[str, float]]) -> dict[str, float]:
    joined: dict[str, float] = {}
    for one in maps:
        for name, value in one.items():
            joined[name] = max(value, joined.get(name, value))
    return joined
