"""Looking at folders of pictures without a run: what would be set aside and why, and what stands in them twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_agent.contracts.encoding import digest_file
from edge_agent.contracts.recipe import Recipe
from trainer.components.example_gen import part_labels, read_all, without_repeats
from trainer.data import leaks
from trainer.data.alike import SIMILARITY, find_alike
from trainer.data.manifest import Row, read_tables
from trainer.data.oddities import Oddities
from trainer.data.quarantine import by_kind
from trainer.data.split import torn

Report = Callable[[str, float | None], None]
_TOGETHER = 500


def check_folders(folders: Sequence[Path], recipe: Recipe, report: Report) -> dict[str, Any]:
    """Read every picture of the folders as ExampleGen would and say what was found.

    Returns `pictures`, `parts`, `labels` (pictures of each), `unknown_labels` (labels that the recipe lacks),
    `torn_parts`, `bad` (records with path, sha256 and reason), `kinds` (bad ones by kind), `normalised` (by trait),
    `odd` (lines), `empty_columns` and `leaks`. Raises as `read_tables`.
    """
    table = read_tables(folders)
    roots = [folder.resolve() for folder in folders]
    listed = [_listed(row, roots[row.folder]) for row in table.rows]
    rows = without_repeats(listed)
    bad: list[dict[str, Any]] = [asdict(one) for one in table.bad]
    good: list[Mapping[str, Any]] = []
    traits: Counter[str] = Counter()
    odd = Oddities(recipe.labels.good, recipe.network.fit == "stretch")
    small = []
    for start in range(0, len(rows), _TOGETHER):
        piece = rows[start : start + _TOGETHER]
        for row, found in zip(piece, read_all(piece, roots, recipe), strict=True):
            if isinstance(found, str):
                bad.append({"folder": row["folder"], "path": row["image"], "sha256": row["sha256"], "reason": found})
                continue
            good.append(row)
            traits.update(found.traits)
            odd.note(row, found.size, found.coloured, bool(found.mask.any()))
            small.append(found.small)
        report(f"{start + len(piece)} of {len(rows)} pictures", (start + len(piece)) / len(rows))
    parts = [row["part"] for row in good]
    alike = find_alike(small, parts, lambda done: report("looking for near-duplicates", done))
    labels = Counter(row["label"] for row in good)
    return {
        "pictures": len(good),
        "parts": len(part_labels(good, recipe)),
        "labels": dict(sorted(labels.items())),
        "unknown_labels": sorted(set(labels) - set(recipe.labels.names)),
        "torn_parts": torn((row["part"], row["split"]) for row in good),
        "bad": bad,
        "kinds": by_kind(bad),
        "normalised": dict(sorted(traits.items())),
        "odd": odd.said(),
        "empty_columns": list(table.empty),
        "leaks": leaks.leaks(leaks.same_content(listed), good, alike.pairs, SIMILARITY, alike.too_many),
    }


def _listed(row: Row, root: Path) -> dict[str, Any]:
    values = {name: value for name, value in asdict(row).items() if name not in ("line", "extra")}
    return {**values, "sha256": _digest(root / row.image), "mask_sha256": _digest(root / row.mask) if row.mask else ""}


def _digest(path: Path) -> str:
    try:
        return digest_file(path) if path.is_file() else ""
    except OSError:
        return ""
