"""What stands in the data twice: the same picture, and nearly the same one of another part. Rules only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

FILE = "leaks.json"
"""`same`: contents that stand in several rows; `near`: pairs that look the same; `counts`: pairs by what differs.

Of a table (`what` is `rows`) `near` are rows with the same readings, see `trainer.tabular.repeats`."""
_MOST_LISTED = 1000
_DIFFERS = ("split", "label", "part")
_SHOWN = 3
Listed = Mapping[str, Any]


def same_content(rows: Sequence[Listed]) -> list[dict[str, Any]]:
    """Return each content that stands in several rows, with these and in what they differ (`label`, `part`).

    A later folder may give a picture another label on purpose; that is no difference.
    """
    found: dict[str, list[Listed]] = {}
    for row in rows:
        if row["sha256"]:
            found.setdefault(row["sha256"], []).append(row)
    listed = []
    for sha256, its in sorted(found.items()):
        if len(its) > 1:
            last = [row for row in its if row["folder"] == its[-1]["folder"]]
            named = [{name: row[name] for name in ("folder", "image", "part", "label")} for row in its]
            differs = [name for name in ("label", "part") if len({row[name] for row in last}) > 1]
            listed.append({"sha256": sha256, "pictures": named, "differs": differs})
    return listed


def leaks(
    same: Sequence[Mapping[str, Any]],
    pictures: Sequence[Listed],
    pairs: Sequence[tuple[int, int, float]],
    threshold: float,
    too_many: bool,
) -> dict[str, Any]:
    """Return the content of `leaks.json`. `pictures` have image, part, label and split; `pairs` are places in them."""
    near: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    for first, second, similarity in pairs:
        two = [{name: pictures[place][name] for name in ("image", *_DIFFERS)} for place in (first, second)]
        differs = [name for name in _DIFFERS if two[0][name] != two[1][name]]
        counts.update(differs)
        near.append({"similarity": similarity, "pictures": two, "differs": differs})
    return {
        "threshold": threshold,
        "same": list(same),
        "near": sorted(near, key=lambda one: ("split" not in one["differs"], "label" not in one["differs"]))[
            :_MOST_LISTED
        ],
        "counts": {"same": len(same), "near": len(near), **{name: counts[name] for name in _DIFFERS}},
        "too_many": too_many,
    }


def warnings_of(found: Mapping[str, Any]) -> list[str]:
    """Say in one line each what a person should look at."""
    lines = []
    doubtful = [one for one in found["same"] if one["differs"]]
    if doubtful:
        shown = "; ".join(_names(one["pictures"]) for one in doubtful[:_SHOWN])
        differs = " or ".join(sorted({name for one in doubtful for name in one["differs"]}))
        lines.append(
            f"{len(doubtful)} pictures stand in the table twice with another {differs} ({shown}); remove one row"
        )
    counts = found["counts"]
    if counts["near"]:
        alike = (
            "pairs of pictures look the same" if found.get("what") != "rows" else "pairs of rows have equal readings"
        )
        shown = "; ".join(_names(one["pictures"], one["differs"][0]) for one in found["near"][:_SHOWN])
        lines.append(
            f"{counts['near']} {alike} and are of different parts, {counts['split']} in two splits, {counts['label']} "
            f"with two labels ({shown}); give one part one name, or leave one out"
        )
    if found["too_many"]:
        lines.append("so many pictures look alike at this size that near-duplicates could not be told apart")
    return lines


def _names(pictures: Sequence[Mapping[str, Any]], name: str = "label") -> str:
    said = ("part",) if name == "part" else ("part", name)
    return " = ".join(f"{one['image']} ({', '.join(one[word] for word in said)})" for one in pictures[:2])
