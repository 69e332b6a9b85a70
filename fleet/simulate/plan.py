"""Which devices a simulation has, where they stand and what they see: rules without I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from edge_agent.contracts.errors import ConfigError

SITES = ("north", "south", "west")
CLASSES = ("generic", "compact")
LINES_PER_SITE = 2
MAX_DEVICES = 5000
PER_PROCESS = 200
"""So many light stations run in one process at most."""

_BRIGHTNESS = re.compile(r"^\d+(?:\.\d+)?@\d+(?:\.\d+)?$")


@dataclass(frozen=True)
class Planned:
    """One simulated device and the source of its pictures."""

    device: str
    site: str
    line: str
    device_class: str
    source: str


def plan(
    devices: int,
    sites: Sequence[str],
    classes: Sequence[str],
    source: str,
    brightness: str | None = None,
    dark_sites: Sequence[str] = (),
    prefix: str = "sim",
) -> list[Planned]:
    """Spread `devices` evenly over sites, then lines, then classes; always the same way for the same arguments.

    `brightness` (F@T: from T seconds on, pictures are scaled by F) holds at `dark_sites`, at all where none is named.
    Raises ConfigError for what makes no sense.
    """
    if not 1 <= devices <= MAX_DEVICES:
        raise ConfigError(f"{devices} devices; give 1 to {MAX_DEVICES}")
    if brightness is not None and not _BRIGHTNESS.match(brightness):
        raise ConfigError(f"brightness '{brightness}' is not F@T; 0.6@30 means 60 % of the light from 30 s on")
    if unknown := set(dark_sites) - set(sites):
        raise ConfigError(f"site '{min(unknown)}' is not simulated; the sites are {', '.join(sites)}")
    return [
        _planned(index, sites, classes, _source(source, site, brightness, dark_sites), prefix)
        for index in range(devices)
        for site in (sites[index % len(sites)],)
    ]


def _planned(index: int, sites: Sequence[str], classes: Sequence[str], source: str, prefix: str) -> Planned:
    place, number = index % len(sites), index // len(sites)
    return Planned(
        device=f"{prefix}-{index + 1:04d}",
        site=sites[place],
        line=f"line-{number % LINES_PER_SITE + 1}",
        device_class=classes[(number // LINES_PER_SITE) % len(classes)],
        source=source,
    )


def _source(source: str, site: str, brightness: str | None, dark_sites: Sequence[str]) -> str:
    if brightness is None or (dark_sites and site not in dark_sites):
        return source
    joint = "" if source.endswith(("?", "&")) else "&" if "?" in source else "?"
    return f"{source}{joint}brightness={quote(brightness, safe='@.')}"


def by_process(planned: Sequence[Planned]) -> list[tuple[str, list[Planned]]]:
    """Group devices that see the same pictures, at most 200 of them: one process runs each group."""
    groups: dict[str, list[Planned]] = {}
    for one in planned:
        groups.setdefault(one.source, []).append(one)
    return [
        (source, members[start : start + PER_PROCESS])
        for source, members in sorted(groups.items())
        for start in range(0, len(members), PER_PROCESS)
    ]
