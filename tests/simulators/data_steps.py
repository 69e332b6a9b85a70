"""The pipeline's steps up to ExampleValidator in this process: real driver, store and resolvers, no worker to start."""

from __future__ import annotations

import csv
import importlib
import json
import struct
import zlib

import cv2
import numpy as np

from trainer.data.folders import choose_folders
from trainer.pipeline import recipes
from trainer.pipeline.driver import Driver, plan
from trainer.pipeline.index import Entry, Stored
from trainer.pipeline.step import Artifact, Context
from trainer.tasks.order import DATA, Order, task_of

RECIPE = "machined-surface"
SMALL = ("network.height=32", "network.width=32")
LAST = "ExampleValidator"


def run_data_steps(folders, root, *assignments, last=LAST, recipe=RECIPE):
    """Run the steps up to `last` on the folders and return all artifacts; what is known is taken from the store."""
    recipe, chosen = recipes.load(recipe, (*(SMALL if recipe == RECIPE else ()), *assignments))
    driver = Driver(root)
    try:
        found = choose_folders(tuple(folders), chosen.example_gen.spans)
        task = task_of(Order(recipe, chosen, root, found.folders, spans=found.spans), driver)
        known = {DATA: task.data()}
        for step in task.graph().steps:
            planned = plan(step, known, driver.imports)
            made = driver.cached(planned) or _execute(driver, planned)
            known |= {f"{step.name}.{name}": artifact for name, artifact in made.items()}
            if step.name == last:
                return known
    finally:
        driver.close()
    raise AssertionError(f"no step {last}")


def _execute(driver, planned):
    step = planned.step
    module, _, name = step.function.partition(":")
    staged = {output: driver.root / "made" / step.name / output for output in step.outputs}
    for folder in staged.values():
        folder.mkdir(parents=True)
    inputs = {key: artifact.path if artifact else None for key, artifact in planned.inputs.items()}
    context = Context(driver.root, lambda text, done: None)
    values = {**planned.parts.parameters, **step.locations}
    properties = getattr(importlib.import_module(module), name)(**inputs, **staged, **values, context=context)
    made = {}
    for output, kind in step.outputs.items():
        digest = driver.store.publish(staged[output])
        made[output] = Artifact(kind, digest, driver.store.path(digest), (properties or {}).get(output, {}))
    stored = {output: Stored(a.type, a.digest, dict(a.properties)) for output, a in made.items()}
    driver.index.add(planned.key, Entry(step.name, planned.parts, stored, "test", 0.1, len(driver.index.entries())))
    return made


def told(known):
    """Return what ExampleValidator wrote: `blocking`, `warnings`, `distances`."""
    return json.loads((known["ExampleValidator.anomalies"].path / "anomalies.json").read_text())


def quarantine(known):
    """Return the bad records of ExampleGen by path."""
    found = json.loads((known["ExampleGen.examples"].path / "quarantine.json").read_text())
    return {entry["path"]: entry for entry in found}


def splits(known):
    """Return the split of each part."""
    content = json.loads((known["ExampleGen.examples"].path / "parts.json").read_text())
    return {part: value["split"] for part, value in content.items()}


def picture(number, side=32, brightness=128):
    """Return a grey picture of its own."""
    rng = np.random.default_rng(number)
    coarse = rng.normal(brightness, 30, (8, 8))
    return np.clip(cv2.resize(coarse, (side, side)) + rng.normal(0, 4, (side, side)), 0, 255).astype(np.uint8)


def encoded(image, suffix=".png"):
    """Return a picture as a file's bytes."""
    return cv2.imencode(suffix, image)[1].tobytes()


def make_folder(folder, parts, first=0, brightness=128, **columns):
    """Write a folder of two pictures a part, one part of four defective, and return its rows; see `write_table`."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for part in range(first, first + parts):
        for frame in (0, 1):
            number = 2 * part + frame
            name = f"images/{number}.png"
            (folder / name).write_bytes(encoded(picture(number, brightness=brightness)))
            label = "pit" if part % 4 == 0 else "ok"
            rows.append({"image": name, "part": f"p{part}", "label": label, "exposure": str(frame), **columns})
    write_table(folder, rows)
    return rows


def write_table(folder, rows):
    """Write `labels.csv`."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)


def png_header(width, height):
    """A PNG that claims to be `width` x `height` and holds nothing of it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
