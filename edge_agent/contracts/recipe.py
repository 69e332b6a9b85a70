"""The recipe: everything that makes one product's inspection what it is, in one YAML file.

The trainer trains from it, the bundle carries it, the agent runs it.
"""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from edge_agent.contracts.encoding import Identifier
from edge_agent.contracts.strict import Strict, parse, read_yaml
from edge_agent.contracts.verdict import Automation

Fraction = Annotated[float, Field(ge=0, le=1)]


class Colour(str, Enum):
    """Channel order of the pictures that the model sees."""

    GREY = "grey"
    RGB = "rgb"


class Crop(Strict):
    """The region of interest as fractions of the picture's width and height."""

    left: Fraction = 0.0
    top: Fraction = 0.0
    right: Fraction = 1.0
    bottom: Fraction = 1.0

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        return self.left, self.top, self.right, self.bottom

    @model_validator(mode="after")
    def _has_area(self) -> Crop:
        if self.left >= self.right or self.top >= self.bottom:
            raise ValueError("the crop is empty: left must be below right and top below bottom")
        return self


class Camera(Strict):
    """What the camera delivers and which part of it is looked at.

    `exposure_us` and `gain_db` are set on a live camera and read back (docs/cameras.md); without them it stays as it
    is. `crop` is cut out of each picture on the station.
    """

    colour: Colour = Colour.GREY
    crop: Crop = Crop()
    exposure_us: Annotated[int, Field(gt=0)] | None = None
    gain_db: float | None = None


class Guards(Strict):
    """Bands outside which a frame is no picture of a part (grey levels 0..255; sharpness as in `quality`)."""

    brightness_min: float = 4.0
    brightness_max: float = 251.0
    sharpness_min: float = 0.0
    repeats_max: Annotated[int, Field(ge=2)] = 3


class Labels(Strict):
    """The classes: exactly one is good, the others are kinds of defect. Class index 0 is the good one."""

    good: Identifier
    defects: Annotated[tuple[Identifier, ...], Field(min_length=1)]

    @property
    def names(self) -> tuple[str, ...]:
        """All labels in the order of the model's outputs."""
        return (self.good, *self.defects)

    @model_validator(mode="after")
    def _distinct(self) -> Labels:
        if len(set(self.names)) != len(self.names):
            raise ValueError("a label is named twice")
        return self


TILE_STEP, TILE_SIDES = 8, 32
"""Tiles begin at multiples of so many pixels (a cell of the heatmap), and their sides are multiples of so many."""


class Network(Strict):
    """Size of the picture the model sees, and how it is trained.

    `pretraining` is how many drawn surfaces the network learns from before it sees the recipe's pictures. `model` is
    `classification` (learns from labelled good and defective pictures) or `anomaly` (from good ones alone). `weights`
    of a backbone that has pretrained ones: `imagenet`, or a file. `precision` is that of the training. `balance` says
    how rare kinds get their share: they weigh more, are drawn more often (sampling), both, or neither. With `tile` the
    network looks at square tiles of that side, which overlap, at full resolution, and answers for the whole picture; 0
    = at the picture as a whole. `fit`: a picture is stretched to height x width (`stretch`), or keeps its size in
    pixels, and its mirror image fills what is missing to the right and below (`pad`; a larger one is scaled down, its
    ratio kept).
    """

    height: Annotated[int, Field(ge=32, le=1024)] = 128
    width: Annotated[int, Field(ge=32, le=1024)] = 128
    backbone: str = "small"
    embedding: Annotated[int, Field(ge=4, le=512)] = 16
    epochs: Annotated[int, Field(ge=1)] = 20
    batch: Annotated[int, Field(ge=1)] = 32
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    pretraining: Annotated[int, Field(ge=0, le=100_000)] = 0
    seed: int = 1
    model: Literal["classification", "anomaly"] = "classification"
    weights: str = ""
    precision: Literal["float32", "mixed"] = "float32"
    balance: Literal["both", "weights", "sampling", "none"] = "both"
    tile: Annotated[int, Field(ge=0, le=1024)] = 0
    fit: Literal["stretch", "pad"] = "stretch"

    @model_validator(mode="after")
    def _tiles_fit(self) -> Network:
        if not self.tile:
            return self
        if self.tile % TILE_SIDES:
            raise ValueError(f"tile {self.tile} is no multiple of {TILE_SIDES}; give one that is")
        for name, length in (("height", self.height), ("width", self.width)):
            if length < self.tile:
                raise ValueError(f"tile {self.tile} is larger than {name} {length}; give a smaller one")
            if length % TILE_STEP:
                raise ValueError(f"{name} {length} is no multiple of {TILE_STEP}, as tiles need; give one that is")
        return self

    def of_a_tile(self) -> Network:
        """Return the network that looks at one tile; itself where it looks at the picture as a whole."""
        return self.model_copy(update={"height": self.tile, "width": self.tile, "tile": 0}) if self.tile else self

    @model_serializer(mode="wrap")
    def _without_what_older_readers_refuse(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave newer keys out where they say nothing: the recipe keeps its digest, and older agents can read it."""
        content: dict[str, Any] = handler(self)
        newer = ("model", "weights", "precision", "balance", "tile", "fit")
        return {k: v for k, v in content.items() if k not in newer or v != type(self).model_fields[k].default}


class Split(Strict):
    """Shares of the parts that train nothing: `eval` chooses epoch and thresholds, `test` has the last word.

    Of every label with three parts or more at least one part is in each. Where parts are few, `eval` may be 0: the last
    epoch is taken, and thresholds come from `test`.
    """

    eval: Annotated[float, Field(ge=0, lt=0.5)] = 0.2
    test: Annotated[float, Field(ge=0, lt=0.5)] = 0.2


class Thresholds(Strict):
    """What the thresholds must achieve; the numbers follow from held-out parts."""

    escape_rate: Annotated[float, Field(gt=0, lt=1)] = 0.02
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    review_share: Fraction = 0.10


class Views(Strict):
    """How several pictures of one part become one score."""

    count: Annotated[int, Field(ge=1, le=16)] = 1
    combine: Literal["max", "mean"] = "max"


CodeFormat = Literal[
    "data-matrix",
    "qr-code",
    "micro-qr-code",
    "aztec",
    "pdf417",
    "code-128",
    "code-93",
    "code-39",
    "itf",
    "codabar",
]
"""Symbologies that can hold a serial number; EAN and UPC name a product, not a part."""


class IdPolicy(str, Enum):
    """What becomes of a part whose serial is not as it should be, whatever the model says of it."""

    IGNORE = "ignore"
    REJECT = "reject"
    REVIEW = "review"


class Identity(Strict):
    """Where a part's serial comes from, and what becomes of parts without one (`missing`) or with a known one.

    `trigger`: from who asked for the inspection, or from the source; `code`: the one code in `region` of the picture
    (fractions of the whole picture) of a kind in `formats`; `none`: parts have no serial. A serial must match the whole
    `pattern`; what does not, two different codes, and no code at all are `missing`. `duplicate`: one of the station's
    last `duplicate_parts` parts with this serial was accepted or still waits for a person (`any`: has a verdict at
    all). Each of the two is `ignore`, `reject`, or `review`: a person decides.
    """

    source: Literal["trigger", "code", "none"] = "trigger"
    region: Crop = Crop()
    formats: Annotated[tuple[CodeFormat, ...], Field(min_length=1)] = ("data-matrix", "qr-code", "code-128")
    pattern: Annotated[str, Field(max_length=200)] = ""
    missing: IdPolicy = IdPolicy.IGNORE
    duplicate: IdPolicy = IdPolicy.IGNORE
    duplicate_of: Literal["accepted", "any"] = "accepted"
    duplicate_parts: Annotated[int, Field(ge=1, le=100_000_000)] = 100_000

    @model_validator(mode="after")
    def _makes_sense(self) -> Identity:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"the pattern is no regular expression: {error}; correct it or leave it out") from error
        if self.source == "none" and {self.missing, self.duplicate} != {IdPolicy.IGNORE}:
            raise ValueError(
                "with source none no part has a serial; set source to trigger or code, or drop the policies"
            )
        return self


class Monitoring(Strict):
    """How production is watched: number of parts in a statistics window, of which drift is judged."""

    window_parts: Annotated[int, Field(ge=10, le=1000)] = 50


class Blessing(Strict):
    """What a model must reach on held-out parts before it is blessed: limits that the 95 % interval decides.

    Where the interval reaches over a limit, `require` does: `measured` = the value itself must keep it, and a loss
    against the latest blessed model counts only beyond chance; `proven` = the model is refused. `overkill_max` is the
    largest share of the good parts that may be rejected (1 = not judged).
    """

    auroc_min: Fraction = 0.80
    recall_min: Fraction = 0.70
    regression_max: Fraction = 0.02
    overkill_max: Fraction = 1.0
    require: Literal["measured", "proven"] = "measured"

    @model_serializer(mode="wrap")
    def _without_what_older_readers_refuse(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave newer keys out where they say nothing: the recipe keeps its digest, and older agents can read it."""
        content: dict[str, Any] = handler(self)
        newer = ("overkill_max", "require")
        return {k: v for k, v in content.items() if k not in newer or v != type(self).model_fields[k].default}

    def for_devices(self) -> Blessing:
        """Return what goes into a bundle: devices judge no model, and older agents refuse new keys."""
        return Blessing(auroc_min=self.auroc_min, recall_min=self.recall_min, regression_max=self.regression_max)


class Recipe(Strict):
    """One product's inspection."""

    name: Identifier
    labels: Labels
    task: Literal["vision", "tabular"] = "vision"
    camera: Camera = Camera()
    guards: Guards = Guards()
    network: Network = Network()
    split: Split = Split()
    thresholds: Thresholds = Thresholds()
    blessing: Blessing = Blessing()
    views: Views = Views()
    identity: Identity = Identity()
    monitoring: Monitoring = Monitoring()
    automation: Automation = Automation.PARTIAL
    deadline_ms: Annotated[int, Field(gt=0)] = 500
    review_deadline_ms: Annotated[int, Field(gt=0)] = 20_000

    @model_serializer(mode="wrap")
    def _without_what_older_readers_refuse(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave `identity` out where it says nothing: the recipe keeps its digest, and older agents can read it."""
        content: dict[str, Any] = handler(self)
        if self.identity == Identity():
            content.pop("identity", None)
        return content


TRAINING = "pipeline"
"""Section of a recipe's file that only the trainer reads: how the steps of its pipeline work."""


def load_recipe(path: Path) -> Recipe:
    """Read a recipe from YAML, without its section for the trainer.

    Raises ConfigError with the file, the key and the remedy.
    """
    return parse(Recipe, without_training(read_yaml(path)), str(path))


def without_training(content: Any) -> Any:
    """Return what a recipe's file holds without the section for the trainer; anything but a mapping as it is."""
    if not isinstance(content, dict):
        return content
    return {key: value for key, value in content.items() if key != TRAINING}
