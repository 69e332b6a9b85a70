"""Label Studio's JSON: a task a picture, its label as a choice, its mask as a brush; polygons are read, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edge_agent.contracts.errors import Rejected
from trainer.labels.masks import Mask, brush, from_brush, from_polygons
from trainer.labels.quarantine import Refused
from trainer.labels.records import DETAILS, Labelled, Places

_ROOT = "/data/local-files/?d="
CONFIG = """<View>
  <Image name="image" value="$image"/>
  <Choices name="label" toName="image">{choices}</Choices>
  <BrushLabels name="mask" toName="image">{brushes}</BrushLabels>
</View>
"""
"""The labelling set-up that fits, for Label Studio's project settings."""


def set_up(labels: Sequence[str]) -> str:
    """Return Label Studio's labelling configuration for these labels."""
    choices = "".join(f'<Choice value="{label}"/>' for label in labels)
    return CONFIG.format(choices=choices, brushes="".join(f'<Label value="{label}"/>' for label in labels))


def to_label_studio(found: Sequence[Labelled]) -> list[dict[str, Any]]:
    """Return one task a picture."""
    return [_task(one) for one in found]


def _task(one: Labelled) -> dict[str, Any]:
    size = {"original_width": one.width, "original_height": one.height, "image_rotation": 0}
    choice = {"from_name": "label", "type": "choices", "value": {"choices": [one.label]}}
    result: list[dict[str, Any]] = [choice]
    if one.mask is not None and one.mask.any():
        value = {"format": "rle", "rle": brush(one.mask), "brushlabels": [one.label]}
        result.append({"from_name": "mask", "type": "brushlabels", "value": value})
    results = [{"id": f"r{n}", "to_name": "image", **size, **part} for n, part in enumerate(result)]
    data = {"image": _ROOT + one.image, "part": one.part, "masked": one.mask is not None, **one.details}
    return {"data": data, "annotations": [{"result": results}]}


def from_label_studio(content: Any, places: Places, good: str) -> tuple[list[Labelled], list[Refused]]:
    """Return the pictures of exported tasks; several brushes and polygons of one picture become one mask.

    Of several annotations the last counts, as Label Studio lists them; tasks without one, skipped ones, and such of
    which anything cannot be used are refused whole. Raises Rejected for what is no list of tasks.
    """
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        raise Rejected("no Label Studio export: expected a list of tasks (export as JSON, not JSON-MIN)")
    found: list[Labelled] = []
    refused: list[Refused] = []
    for number, task in enumerate(content):
        data = task.get("data") or {}
        where = str(data.get("image") or f"task {task.get('id', number)}")
        try:
            found.append(_labelled(task, data, places, good))
        except (Rejected, KeyError, TypeError, ValueError) as error:
            refused.append(Refused(where, f"{error} is missing" if isinstance(error, KeyError) else str(error)))
    return found, refused


def _labelled(task: Mapping[str, Any], data: Mapping[str, Any], places: Places, good: str) -> Labelled:
    done = [one for one in task.get("annotations") or [] if not one.get("was_cancelled")]
    if not done:
        raise Rejected("nobody has labelled it" if not task.get("annotations") else "it was skipped")
    path = places.find(str(data["image"]))
    width, height = places.size(path)
    masks: list[tuple[str, Mask]] = []
    choices: set[str] = set()
    for one in done[-1]["result"]:
        kind, value = one["type"], one["value"]
        if kind == "choices":
            choices |= {str(choice) for choice in value["choices"]}
        elif kind in ("brushlabels", "polygonlabels"):
            masks.append((str(value[kind][0]), _mask(one, kind, height, width)))
        else:
            raise Rejected(f"a result of type '{kind}'; choices, brushlabels and polygonlabels are understood")
    labels = sorted(choices or {name for name, _ in masks})
    if len(labels) > 1:
        raise Rejected(f"it is labelled {', '.join(labels)}; a picture has one label, so choose one of them")
    known = [mask for _, mask in masks]
    empty = np.zeros((height, width), np.uint8) if data.get("masked") else None
    mask = np.maximum.reduce(known) if known else empty
    details = {name: str(data[name]) for name in DETAILS if data.get(name)}
    part = str(data.get("part") or path.rsplit(".", 1)[0])
    return Labelled(path, width, height, part, labels[0] if labels else good, mask, details)


def _mask(one: Mapping[str, Any], kind: str, height: int, width: int) -> Mask:
    said = (int(one.get("original_width", width)), int(one.get("original_height", height)))
    if said != (width, height):
        raise Rejected(f"the picture is {width} x {height}, the task says {said[0]} x {said[1]}")
    value = one["value"]
    if kind == "brushlabels":
        return from_brush(value["rle"], height, width)
    points = [number for x, y in value["points"] for number in (x * width / 100, y * height / 100)]
    return from_polygons([points], height, width)
