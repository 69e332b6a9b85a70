"""COCO's JSON: categories, pictures, one annotation a mask. What COCO has no word for stands under "lineside"."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edge_agent.contracts.errors import Rejected
from trainer.data.quarantine import Refused
from trainer.labels.masks import Mask, box_of, from_compressed, from_polygons, from_run_lengths, run_lengths
from trainer.labels.records import UNUSABLE, Labelled, Places, reason_of

_OWN = "lineside"


def to_coco(found: Sequence[Labelled]) -> dict[str, Any]:
    """Return the pictures as a COCO data set; masks as uncompressed run lengths, which lose nothing."""
    names = sorted({one.label for one in found})
    numbers = {name: number for number, name in enumerate(names, 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, one in enumerate(found, 1):
        own = {"part": one.part, "label": one.label, "masked": one.mask is not None, **one.details}
        size = {"width": one.width, "height": one.height}
        images.append({"id": number, "file_name": one.image, **size, _OWN: own})
        if one.mask is not None and one.mask.any():
            del own["label"]  # that of the annotation is the one that other tools show and change
            segmentation = {"size": [one.height, one.width], "counts": run_lengths(one.mask)}
            place = {"id": len(annotations) + 1, "image_id": number, "category_id": numbers[one.label]}
            shape = {"segmentation": segmentation, "area": int(one.mask.sum()), "bbox": box_of(one.mask)}
            annotations.append({**place, **shape, "iscrowd": 1})
    categories = [{"id": number, "name": name} for name, number in numbers.items()]
    return {"images": images, "annotations": annotations, "categories": categories}


def from_coco(content: Any, places: Places, good: str) -> tuple[list[Labelled], list[Refused]]:
    """Return the pictures of a COCO data set; one without any annotation is `good`, several masks become one.

    A picture of which anything cannot be used is refused whole, so that no mask is lost in silence; so are pictures
    that share an id, as where two data sets were put together: whose annotations are whose is not known. Raises
    Rejected for what is no COCO data set.
    """
    wanted = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(name), list) for name in wanted):
        raise Rejected(f"no COCO data set: expected the lists {', '.join(wanted)}")
    found: list[Labelled] = []
    refused: list[Refused] = []
    names = _categories(content["categories"], refused)
    drawn: dict[str, list[Mapping[str, Any]]] = {}
    for number, one in enumerate(content["annotations"]):
        if isinstance(one, dict):
            drawn.setdefault(_key(one.get("image_id")), []).append(one)
        else:
            refused.append(Refused(f"annotations[{number}]", "not an object"))
    ids = Counter(_key(image["id"]) for image in content["images"] if isinstance(image, dict) and "id" in image)
    for number, image in enumerate(content["images"]):
        where = f"images[{number}]"
        try:
            where = str(image.get("file_name") or where)
            key = _key(image["id"])
            if ids[key] > 1:
                raise Rejected(f"{ids[key]} images have the id {key}; give each its own")
            found.append(_labelled(image, drawn.get(key, []), names, places, good))
        except UNUSABLE as error:
            refused.append(Refused(where, reason_of(error)))
    refused += [Refused(f"annotations of image {key}", "there is no such image") for key in drawn if key not in ids]
    return found, refused


def _categories(listed: Sequence[Any], refused: list[Refused]) -> dict[str, set[str]]:
    """Return the names of each category by its id; more than one where data sets were put together."""
    names: dict[str, set[str]] = {}
    for number, one in enumerate(listed):
        try:
            names.setdefault(_key(one["id"]), set()).add(str(one["name"]))
        except UNUSABLE as error:
            refused.append(Refused(f"categories[{number}]", reason_of(error)))
    return names


def _key(number: Any) -> str:
    """Return an id by which things are found, whatever it is: tools write numbers, texts, and worse."""
    return json.dumps(number, sort_keys=True)


def _labelled(
    image: Mapping[str, Any],
    drawn: Sequence[Mapping[str, Any]],
    names: Mapping[str, set[str]],
    places: Places,
    good: str,
) -> Labelled:
    """Return a picture; of two labels that of its annotations counts, which other tools know and change."""
    path = places.find(str(image["file_name"]))
    width, height = places.size(path)
    said = (int(image.get("width") or width), int(image.get("height") or height))
    if said != (width, height):
        raise Rejected(f"the picture is {width} x {height}, the data set says {said[0]} x {said[1]}")
    own = dict(image.get(_OWN) or {})
    masks = [(_name(one, names), _mask(one, height, width)) for one in drawn]
    written = str(own.pop("label", ""))
    label = _label(masks, written or good)
    part, masked = str(own.pop("part", "")) or path.rsplit(".", 1)[0], bool(own.pop("masked", bool(masks)))
    known = [mask for _, mask in masks if mask is not None]
    mask = np.maximum.reduce(known) if known else np.zeros((height, width), np.uint8) if masked else None
    return Labelled(path, width, height, part, label, mask, {name: str(value) for name, value in own.items()})


def _name(one: Mapping[str, Any], names: Mapping[str, set[str]]) -> str:
    known = sorted(names.get(_key(one["category_id"]), ()))
    if len(known) != 1:
        what = f"is {' and '.join(known)}; give each its own id" if known else "is not defined"
        raise Rejected(f"category {one['category_id']} {what}")
    return known[0]


def _label(masks: Sequence[tuple[str, Mask | None]], good: str) -> str:
    """A picture without annotations is good; of several labels none can be chosen here."""
    labels = sorted({name for name, _ in masks})
    if len(labels) > 1:
        raise Rejected(f"it has annotations of {', '.join(labels)}; a picture has one label, so choose one of them")
    return labels[0] if labels else good


def _mask(one: Mapping[str, Any], height: int, width: int) -> Mask | None:
    """Return an annotation's mask; one without a segmentation says only that the defect is there."""
    shape = one.get("segmentation")
    if not shape:
        return None
    if isinstance(shape, list):
        return from_polygons(shape, height, width)
    size = list(shape["size"])
    if len(size) != 2 or size != [height, width]:
        raise Rejected(f"a mask of {' x '.join(map(str, reversed(size)))} for a picture of {width} x {height}")
    counts = shape["counts"]
    if isinstance(counts, str):
        return from_compressed(counts, height, width)
    return from_run_lengths(counts, height, width)
