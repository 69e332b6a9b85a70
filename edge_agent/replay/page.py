"""A replay as one HTML page that needs no other file: counts, the changed parts, their pictures and both heatmaps."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.replay.comparison import VERDICTS, Pair
from edge_agent.replay.run import Replay
from edge_agent.report.page import Place, whole_file

_LISTED = 1000


@dataclass(frozen=True)
class Names:
    """What is compared, in words: where the parts are from, and the two models."""

    source: str
    before: str
    after: str


def page(replay: Replay, names: Names, place: Place) -> str:
    """Return the page; the parts whose score moved farthest come first."""
    changed = sorted(replay.changed, key=_farthest)[:_LISTED]
    shown = sorted(replay.shown, key=lambda item: _farthest(item.pair))
    return whole_file(
        "replay.html",
        place,
        found=replay.comparison,
        changed=changed,
        shown=shown,
        names=names,
        verdicts=VERDICTS,
    )


def _farthest(pair: Pair) -> tuple[float, int]:
    return -pair.moved, pair.number
