"""ExampleGen: from folders of pictures to Examples. Bad pictures are set aside with their reason, up to a limit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.picture_file import picture_kind
from edge_agent.contracts.preprocess import decode, model_input
from edge_agent.contracts.quality import image_quality
from edge_agent.contracts.recipe import Colour, Recipe
from trainer.components.examples import Example, write_shard
from trainer.components.manifest import SPLITS
from trainer.components.split import asked_for, assign
from trainer.pipeline.step import Context
from trainer.vision.data import mask_input

PICTURES = "pictures"
"""`pictures.json` says of each picture that is used where it lies: folder number, image, part, label, split."""
_SHARD = 1000
_EXTENSIONS = {"png": (".png",), "jpeg": (".jpg", ".jpeg"), "bmp": (".bmp",), "tiff": (".tif", ".tiff")}
Listed = Mapping[str, Any]


def example_gen(
    data: Path,
    kept: Path | None,
    examples: Path,
    recipe: Mapping[str, Any],
    shares: Mapping[str, float],
    max_bad: float,
    salt: str,
    folders: Sequence[str],
    context: Context,
) -> dict[str, Any]:
    """Read the pictures that `data/listing.json` names from `folders` and write them as Examples.

    `kept` holds the examples of a former model, whose held-out parts stay held out. Raises Rejected when more than
    the share `max_bad` of all pictures is bad, when a picture changed since it was listed, or none is left.
    """
    settings = Recipe.model_validate(recipe)
    listing = json.loads((data / "listing.json").read_text(encoding="utf-8"))
    rows, repeated = _without_repeats(listing["rows"])
    split = _splits(rows, settings, shares, kept, salt)
    bad: list[dict[str, Any]] = list(listing["bad"])
    counts: Counter[str] = Counter()
    used: list[dict[str, Any]] = []
    for name in SPLITS:
        chosen = [row for row in rows if split[row["part"]] == name]
        for number, start in enumerate(range(0, len(chosen), _SHARD)):
            piece = chosen[start : start + _SHARD]
            good = list(_read_all(piece, folders, settings, bad, counts))
            context.progress(f"{name}: {start + len(piece)} of {len(chosen)} pictures", None)
            total = -(-len(chosen) // _SHARD)
            write_shard(good, examples / f"Split-{name}" / f"data_tfrecord-{number:05d}-of-{total:05d}")
            counts[f"pictures.{name}"] += len(good)
            used += _used(piece, {example.texts["sha256"] for example in good}, name)
    _check_bad(bad, len(rows) + len(listing["bad"]), max_bad, sum(counts[f"pictures.{n}"] for n in SPLITS))
    parts = {
        part: {"split": split[part], "label": label} for part, label in sorted(_part_labels(rows, settings).items())
    }
    for file, content in (("parts", parts), ("quarantine", bad), (PICTURES, used)):
        (examples / f"{file}.json").write_text(json.dumps(content, indent=0, sort_keys=True), encoding="utf-8")
    return {"examples": _properties(counts, split, bad, repeated)}


def _used(rows: Sequence[Listed], good: set[str], split: str) -> list[dict[str, Any]]:
    names = ("folder", "image", "part", "label", "sha256")
    return [{**{name: row[name] for name in names}, "split": split} for row in rows if row["sha256"] in good]


def _without_repeats(rows: Sequence[Listed]) -> tuple[list[Listed], int]:
    """Drop earlier rows of the same picture: a later folder's label is the newer one, and a copy would leak."""
    latest = {row["sha256"] or (row["folder"], row["image"]): row for row in rows}
    return list(latest.values()), len(rows) - len(latest)


def _part_labels(rows: Sequence[Listed], recipe: Recipe) -> dict[str, str]:
    """A part is what its worst picture is: any defect outweighs good."""
    labels: dict[str, str] = {}
    for row in rows:
        if labels.get(row["part"], recipe.labels.good) == recipe.labels.good:
            labels[row["part"]] = row["label"]
    return labels


def _splits(
    rows: Sequence[Listed], recipe: Recipe, shares: Mapping[str, float], kept: Path | None, salt: str
) -> dict[str, str]:
    before: dict[str, str] = {}
    if kept is not None:
        content = json.loads((kept / "parts.json").read_text(encoding="utf-8"))
        before = {part: value["split"] for part, value in content.items()}
    asked = asked_for([(row["part"], row["split"]) for row in rows])
    return assign(_part_labels(rows, recipe), {**asked, **before}, shares, salt)


def _read_all(
    rows: Sequence[Listed], folders: Sequence[str], recipe: Recipe, bad: list[dict[str, Any]], counts: Counter[str]
) -> Iterator[Example]:
    def read(row: Listed) -> Example | str:
        try:
            return _read(row, Path(folders[row["folder"]]), recipe)
        except Rejected as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        for row, found in zip(rows, pool.map(read, rows), strict=True):
            if isinstance(found, str):
                bad.append({"folder": row["folder"], "path": row["image"], "sha256": row["sha256"], "reason": found})
            else:
                counts["misnamed"] += int(found.texts.pop("misnamed"))
                yield found


def _read(row: Listed, folder: Path, recipe: Recipe) -> Example:
    data = _bytes(folder / row["image"], row["sha256"])
    image = model_input(decode(data, recipe.camera.colour), recipe)
    original = None
    if row["mask"]:
        original = decode(_bytes(folder / row["mask"], row["mask_sha256"]), Colour.GREY)[:, :, 0]
    mask = mask_input(original, recipe)
    good = row["label"] == recipe.labels.good
    texts = {name: row[name] for name in ("label", "part", "exposure", "station", "sha256")}
    kind = picture_kind(data) or ""
    misnamed = Path(row["image"]).suffix.lower() not in _EXTENSIONS.get(kind, ())
    texts |= {"name": row["image"], "misnamed": str(int(misnamed))}
    return Example(image, mask, good or bool(mask.any()), texts, image_quality(image))


def _bytes(path: Path, sha256: str) -> bytes:
    """Read a file and make sure it is what was listed: the digest of the data is part of every later key."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Rejected(f"cannot be read ({error.strerror})") from error
    if digest_bytes(data) != sha256:
        raise Rejected("changed while the pipeline ran; run again when nobody writes to the folder")
    return data


def _check_bad(bad: Sequence[Mapping[str, Any]], total: int, max_bad: float, good: int) -> None:
    changed = [one for one in bad if one["reason"].startswith("changed while")]
    if changed:
        raise Rejected(f"{changed[0]['path']} {changed[0]['reason']}")
    if bad and len(bad) > max_bad * total:
        first = bad[0]
        raise Rejected(
            f"{len(bad)} of {total} pictures are bad, more than max_bad {max_bad:.2%} allows; the first: "
            f"{first['path']} ({first['sha256'][:12] or 'no content'}): {first['reason']}; "
            "correct them or give --set max_bad=SHARE"
        )
    if not good:
        raise Rejected("no usable picture is left; see the quarantine list")


def _properties(
    counts: Counter[str], split: Mapping[str, str], bad: Sequence[Mapping[str, Any]], repeated: int
) -> dict[str, Any]:
    parts = Counter(split.values())
    reasons = [f"{len(bad)} pictures quarantined"] if bad else []
    return {
        "split_names": json.dumps(SPLITS),
        **{f"pictures_{name}": counts[f"pictures.{name}"] for name in SPLITS},
        **{f"parts_{name}": parts[name] for name in SPLITS},
        "quarantined": len(bad),
        "misnamed": counts["misnamed"],
        "repeated": repeated,
        "reasons": reasons,
    }
