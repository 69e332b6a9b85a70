"""Label Studio's JSON: a task a picture, its label as a choice, its mask as a brush; polygons are read, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from edge_agent.contracts.errors import Rejected
from trainer.data.quarantine import Refused
from trainer.labels.masks import Mask, brush, from_brush, from_polygons
from trainer.labels.opinions import Opinion
from trainer.labels.records import DETAILS, UNUSABLE, Labelled, Places, reason_of

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
    choices = "".join(f"<Choice value={quoteattr(label)}/>" for label in labels)
    return CONFIG.format(choices=choices, brushes="".join(f"<Label value={quoteattr(label)}/>" for label in labels))


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
    data = {"image": _ROOT + quote(one.image), "part": one.part, "masked": one.mask is not None, **one.details}
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
        where = f"task {task.get('id', number)}"
        try:
            data = dict(task.get("data") or {})
            where = str(data.get("image") or where)
            found.append(_labelled(task, data, places, good))
        except UNUSABLE as error:
            refused.append(Refused(where, reason_of(error)))
    return found, refused


def opinions_of(content: Sequence[Mapping[str, Any]], places: Places, good: str) -> list[Opinion]:
    """Return what each person said of each picture, in the order of the export; what cannot be used says nothing.

    `completed_by` is a number, or an account with its e-mail address.
    """
    found: list[Opinion] = []
    for task in content:
        try:
            path, done = places.find(str(task["data"]["image"])), _done(task)
        except UNUSABLE:
            continue
        for one in done:
            with suppress(*UNUSABLE):
                who, label = _who(one["completed_by"]), _said(one["result"], good)
                found.append(Opinion(path, who, label, str(one.get("created_at", ""))))
    return found


def _who(account: Any) -> str:
    if isinstance(account, Mapping):
        return str(account.get("email") or account["id"])
    return str(account)


def _done(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in task.get("annotations") or [] if not one.get("was_cancelled")]


def _said(result: Sequence[Mapping[str, Any]], good: str) -> str:
    """Return the one label of an annotation. Raises Rejected for several."""
    drawn = ("brushlabels", "polygonlabels")
    choices = {str(choice) for one in result if one["type"] == "choices" for choice in one["value"]["choices"]}
    names = {str(one["value"][one["type"]][0]) for one in result if one["type"] in drawn}
    labels = sorted(choices or names)
    if len(labels) > 1:
        raise Rejected(f"it is labelled {', '.join(labels)}; a picture has one label, so choose one of them")
    return labels[0] if labels else good


def _labelled(task: Mapping[str, Any], data: Mapping[str, Any], places: Places, good: str) -> Labelled:
    done = _done(task)
    if not done:
        raise Rejected("nobody has labelled it" if not task.get("annotations") else "it was skipped")
    path = places.find(str(data["image"]))
    width, height = places.size(path)
    known: list[Mask] = []
    for one in done[-1]["result"]:
        kind = one["type"]
        if kind in ("brushlabels", "polygonlabels"):
            known.append(_mask(one, kind, height, width))
        elif kind != "choices":
            raise Rejected(f"a result of type '{kind}'; choices, brushlabels and polygonlabels are understood")
    label = _said(done[-1]["result"], good)
    empty = np.zeros((height, width), np.uint8) if data.get("masked") else None
    mask = np.maximum.reduce(known) if known else empty
    details = {name: str(data[name]) for name in DETAILS if data.get(name)}
    part = str(data.get("part") or path.rsplit(".", 1)[0])
    return Labelled(path, width, height, part, label, mask, details)


def _mask(one: Mapping[str, Any], kind: str, height: int, width: int) -> Mask:
    said = (int(one.get("original_width", width)), int(one.get("original_height", height)))
    if said != (width, height):
        raise Rejected(f"the picture is {width} x {height}, the task says {said[0]} x {said[1]}")
    value = one["value"]
    if kind == "brushlabels":
        return from_brush(value["rle"], height, width)
    points = [number for x, y in value["points"] for number in (x * width / 100, y * height / 100)]
    return from_polygons([points], height, width)
