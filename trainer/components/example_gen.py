"""ExampleGen: from folders of pictures to Examples. Bad pictures are set aside with their reason, up to a limit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.quality import image_quality
from edge_agent.contracts.recipe import Recipe
from trainer.data import leaks
from trainer.data.alike import SIMILARITY, Thumbnail, find_alike, joined
from trainer.data.examples import TEXTS, Example, write_shard
from trainer.data.manifest import SPLITS
from trainer.data.oddities import Oddities
from trainer.data.picture_reader import Found, Listed, read_picture
from trainer.data.picture_traits import MISNAMED
from trainer.data.quarantine import by_kind, check_bad
from trainer.data.spans import span_properties
from trainer.data.split import BY_HASH, BY_PART, asked_for, assign_by_part, assign_together, by_hash, torn
from trainer.pipeline.step import Context

PICTURES = "pictures"
"""`pictures.json` says of each picture that is used where it lies: folder number, image, part, label, split."""
EMPTY = "empty-columns"
"""`empty-columns.json` lists the columns of the tables that hold nothing."""
_SHARD = 1000
_USED = ("folder", "image", "part", "label", "sha256")


def example_gen(
    data: Path,
    kept: Path | None,
    examples: Path,
    recipe: Mapping[str, Any],
    shares: Mapping[str, float],
    max_bad: float,
    salt: str,
    near_duplicates: str,
    how: str,
    folders: Sequence[str],
    context: Context,
) -> dict[str, Any]:
    """Read the pictures that `data/listing.json` names from `folders` and write them as Examples.

    `kept` holds the examples of a former run, whose parts stay in their splits. Raises Rejected when more than
    the share `max_bad` of all pictures is bad, when a picture changed since it was listed, or none is left.
    With `near_duplicates` "together" the parts whose pictures look the same go into one split. `how` says how to split,
    see `trainer.data.split`.
    """
    settings = Recipe.model_validate(recipe)
    listing = json.loads((data / "listing.json").read_text(encoding="utf-8"))
    rows = without_repeats(listing["rows"])
    roots = [Path(folder).resolve() for folder in folders]
    group = one_thing(listing["rows"], roots, settings, context) if near_duplicates == "together" else {}
    split = _splits(rows, settings, shares, kept, salt, group, how)
    read = _Read(list(listing["bad"]), len(rows), Oddities(settings.labels.good, settings.network.fit == "stretch"))
    for name in SPLITS:
        chosen = [row for row in rows if split(row) == name]
        for number, start in enumerate(range(0, len(chosen), _SHARD)):
            piece = chosen[start : start + _SHARD]
            found = read.pictures(piece, roots, settings, name, context)
            path = examples / f"Split-{name}" / f"data_tfrecord-{number:05d}-of-{-(-len(chosen) // _SHARD):05d}"
            write_shard((example_of(row, one, settings) for row, one in found), path)
    check_bad(read.bad, len(rows) + len(listing["bad"]), max_bad, len(read.used))
    twice = _twice(listing["rows"], read, lambda done: context.progress("looking for near-duplicates", done))
    labels = sorted(part_labels(rows, settings).items())
    parts = {part: {"split": split.of(part), "label": label} for part, label in labels}
    contents = {"parts": parts, "quarantine": read.bad, PICTURES: read.used, EMPTY: listing.get("empty", [])}
    for file, content in contents.items():
        (examples / f"{file}.json").write_text(json.dumps(content, indent=0, sort_keys=True), encoding="utf-8")
    (examples / leaks.FILE).write_text(json.dumps(twice, indent=1, sort_keys=True), encoding="utf-8")
    repeated = len(listing["rows"]) - len(rows)
    return {"examples": _properties(read, Counter(p["split"] for p in parts.values()), repeated, twice, listing)}


def without_repeats(rows: Sequence[Listed]) -> list[Listed]:
    """Drop earlier rows of the same picture: a later folder's label is the newer one, and a copy would leak."""
    return list({row["sha256"] or (row["folder"], row["image"]): row for row in rows}.values())


def one_thing(rows: Sequence[Listed], roots: Sequence[Path], recipe: Recipe, context: Context) -> dict[str, str]:
    """Return the group of each part that has pictures in common with another one, or nearly; reads all pictures."""
    distinct = without_repeats(rows)
    small, parts = [], []
    for number, (row, found) in enumerate(zip(distinct, read_all(distinct, roots, recipe), strict=True), 1):
        if number % 100 == 0:
            context.progress("looking for near-duplicates", number / len(distinct))
        if not isinstance(found, str):
            small.append(found.small)
            parts.append(str(row["part"]))
    pairs = [(parts[first], parts[second]) for first, second, _ in find_alike(small, parts).pairs]
    for same in leaks.same_content(rows):
        first, *others = (str(one["part"]) for one in same["pictures"])
        pairs += [(first, other) for other in others]
    return joined(pairs)


def part_labels(rows: Sequence[Listed], recipe: Recipe) -> dict[str, str]:
    """A part is what its worst picture is: any defect outweighs good."""
    labels: dict[str, str] = {}
    for row in rows:
        if labels.get(row["part"], recipe.labels.good) == recipe.labels.good:
            labels[row["part"]] = row["label"]
    return labels


@dataclass(frozen=True)
class _Split:
    """The split of each part; the pictures of a part that the table tears apart stay where it wants each of them.

    `rows` has the split of each picture by folder and name, where parts have no say.
    """

    parts: Mapping[str, str]
    torn: frozenset[str]
    rows: Mapping[tuple[int, str], str] = field(default_factory=dict)

    def __call__(self, row: Listed) -> str:
        if self.rows:
            return self.rows[(row["folder"], row["image"])]
        return str(row["split"]) if row["part"] in self.torn and row["split"] else self.parts[row["part"]]

    def of(self, part: str) -> str:
        """Return where a part belongs."""
        return self.parts[part]


def _splits(
    rows: Sequence[Listed],
    recipe: Recipe,
    shares: Mapping[str, float],
    kept: Path | None,
    salt: str,
    group: Mapping[str, str],
    how: str,
) -> _Split:
    if how == BY_HASH:
        rows = [{**row, "split": row["split"] or by_hash(row["sha256"], shares, salt)} for row in rows]
        of_row = {(row["folder"], row["image"]): row["split"] for row in rows}
        return _Split(asked_for([(row["part"], row["split"]) for row in rows]), frozenset(), of_row)
    before: dict[str, str] = {}
    if kept is not None:
        content = json.loads((kept / "parts.json").read_text(encoding="utf-8"))
        before = {part: value["split"] for part, value in content.items()}
    wishes = [(row["part"], row["split"]) for row in rows]
    stay, labels = {**asked_for(wishes), **before}, part_labels(rows, recipe)
    if how == BY_PART:
        return _Split(assign_by_part(labels, stay, shares, salt, group), frozenset(torn(wishes)))
    return _Split(assign_together(labels, stay, shares, salt, group), frozenset(torn(wishes)))


@dataclass
class _Read:
    """What reading has found so far."""

    bad: list[dict[str, Any]]
    total: int
    odd: Oddities
    used: list[dict[str, Any]] = field(default_factory=list)
    thumbnails: list[Thumbnail] = field(default_factory=list)
    traits: Counter[str] = field(default_factory=Counter)
    seen: int = 0

    def pictures(
        self, rows: Sequence[Listed], roots: Sequence[Path], recipe: Recipe, split: str, context: Context
    ) -> Iterator[tuple[Listed, Found]]:
        """Yield the readable pictures of the rows; the others join `bad`."""
        for row, found in zip(rows, read_all(rows, roots, recipe), strict=True):
            self.seen += 1
            if self.seen % 100 == 0:
                context.progress(f"{self.seen} of {self.total} pictures", self.seen / self.total)
            if isinstance(found, str):
                self.bad.append(
                    {"folder": row["folder"], "path": row["image"], "sha256": row["sha256"], "reason": found}
                )
                continue
            self.traits.update(found.traits)
            self.odd.note(row, found.size, found.coloured, bool(found.mask.any()))
            self.thumbnails.append(found.small)
            self.used.append({**{name: row[name] for name in _USED}, "split": split})
            yield row, found


def read_all(rows: Sequence[Listed], roots: Sequence[Path], recipe: Recipe) -> Iterator[Found | str]:
    """Read the pictures of the rows in several threads; a text is the reason why one is bad. `roots` are resolved."""

    def read(row: Listed) -> Found | str:
        try:
            return read_picture(row, roots[row["folder"]], recipe)
        except Rejected as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        yield from pool.map(read, rows)


def example_of(row: Listed, found: Found, recipe: Recipe) -> Example:
    """Return what is written of a readable picture."""
    known = row["label"] == recipe.labels.good or bool(found.mask.any())
    texts = {name: str(row["image" if name == "name" else name]) for name in TEXTS}
    return Example(found.image, found.mask, known, texts, image_quality(found.image), found.kept)


def _twice(rows: Sequence[Listed], read: _Read, report: Callable[[float], None]) -> dict[str, Any]:
    alike = find_alike(read.thumbnails, [one["part"] for one in read.used], report)
    return leaks.leaks(leaks.same_content(rows), read.used, alike.pairs, SIMILARITY, alike.too_many)


def _properties(
    read: _Read, parts: Mapping[str, int], repeated: int, twice: Mapping[str, Any], listing: Mapping[str, Any]
) -> dict[str, Any]:
    pictures = Counter(one["split"] for one in read.used)
    reasons, spans = span_properties(listing.get("spans", []))
    if read.bad:
        kinds = ", ".join(f"{count} {kind}" for kind, count in by_kind(read.bad).items())
        reasons.append(f"{len(read.bad)} pictures quarantined ({kinds})")
    reasons += read.odd.said()
    return {
        "split_names": json.dumps(SPLITS),
        **{f"pictures_{name}": pictures[name] for name in SPLITS},
        **{f"parts_{name}": parts.get(name, 0) for name in SPLITS},
        **spans,
        "quarantined": len(read.bad),
        "misnamed": read.traits[MISNAMED],
        "normalised": json.dumps(dict(sorted(read.traits.items()))),
        "repeated": repeated,
        "near_duplicates": twice["counts"]["near"],
        "near_duplicates_across_splits": twice["counts"]["split"],
        "reasons": reasons,
    }
