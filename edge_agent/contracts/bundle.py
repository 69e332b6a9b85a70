"""The bundle: one content-addressed model version (docs/formats/bundle.md).

On disk it is a folder of `manifest.json` and `blobs/sha256/<hex>`. Its ID is the SHA-256 of the exact manifest
bytes, so whoever trusts the ID trusts every blob that the manifest names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer, model_validator

from edge_agent.contracts.encoding import Digest, Identifier, canonical_json, digest_bytes, digest_file
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Colour, Crop, Recipe
from edge_agent.contracts.row import RowContract
from edge_agent.contracts.strict import Strict

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 4 << 20
MAX_BLOB_BYTES = 1 << 30
Size = Annotated[int, Field(ge=0, le=MAX_BLOB_BYTES)]


class Blob(Strict):
    """A file of the bundle, named by its content."""

    digest: Digest
    size: Size

    @property
    def path(self) -> str:
        """Place below the bundle's folder, and below the registry's."""
        return f"blobs/sha256/{self.digest}"


class Sources(Strict):
    """What the model was made of: digests of the training data, the code and the library versions."""

    data: Digest
    code: Digest
    environment: Digest


class InputContract(Strict):
    """What the graph must be fed with: one picture, values 0..255. `fit` is that of the recipe's network."""

    name: Literal["image"] = "image"
    shape: tuple[Literal[1], int, int, int]
    layout: Literal["NHWC"] = "NHWC"
    colour: Colour
    crop: Crop
    resize: Literal["cv2-inter-linear"] = "cv2-inter-linear"
    fit: Literal["stretch", "pad"] = "stretch"

    @model_serializer(mode="wrap")
    def _without_what_older_readers_refuse(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave `fit` out where the picture is stretched, as it always was: older agents can read it."""
        content: dict[str, Any] = handler(self)
        return content if self.fit != "stretch" else {k: v for k, v in content.items() if k != "fit"}


class OutputContract(Strict):
    """What the graph's signature answers with. Class 0 is the good one."""

    labels: Annotated[tuple[Identifier, ...], Field(min_length=2)]
    scores: Literal["logits", "probabilities"] = "logits"
    heatmap: tuple[int, int] | None = None
    embedding: int | None = None


class Parity(Strict):
    """Difference to the source model on held-out pictures."""

    max_diff: float
    mean_diff: float
    agreement: Annotated[float, Field(ge=0, le=1)]
    pictures: Annotated[int, Field(ge=0)]


class Interval(Strict):
    """A share with its two-sided 95 % interval and the number it was measured on."""

    value: float
    low: float
    high: float
    n: Annotated[int, Field(ge=0)]


class ThresholdPair(Strict):
    """Below `accept_below` the machine accepts, from `reject_above` on it rejects, between it asks."""

    accept_below: Annotated[float, Field(ge=0, le=1)]
    reject_above: Annotated[float, Field(ge=0, le=1)]
    evidence: Literal["bound", "insufficient"] = "insufficient"
    escape_upper: float | None = None
    review_share: float | None = None
    defective_parts: int = 0
    note: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> ThresholdPair:
        if self.accept_below > self.reject_above:
            raise ValueError("accept_below must not be above reject_above")
        return self


class Measurement(Strict):
    """Latency and memory of one variant on one kind of machine."""

    device_class: Identifier
    runtime: str
    threads: int
    p50_ms: float
    p95_ms: float
    memory_mb: float | None = None


class Variant(Strict):
    """One executable form of the model."""

    id: Identifier
    format: Literal["tflite", "tfjs", "onnx"]
    blob: Blob
    ops: dict[str, int] = {}
    min_runtime: str = ""
    calibration_set: Digest | None = None
    parity: Parity | None = None
    accuracy: Interval | None = None
    recall: Interval | None = None
    temperature: Annotated[float, Field(gt=0)] = 1.0
    thresholds: ThresholdPair
    measured: tuple[Measurement, ...] = ()


class GoldenCase(Strict):
    """A picture as the camera gives it, and what each variant answered to it where it was made.

    Of a model for tables, `picture` holds a row: a JSON object of its cells by column.

    `expected` maps the variant's ID to the calibrated class probabilities.
    """

    name: Identifier
    picture: Blob
    label: Identifier
    expected: dict[str, tuple[float, ...]]


class Golden(Strict):
    """The self-test: largest allowed difference of a probability, and the pictures."""

    tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.08
    cases: tuple[GoldenCase, ...]


class Manifest(Strict):
    """Everything about a model version. Canonical JSON of this is the bundle's identity."""

    schema_version: Literal[1] = 1
    name: Identifier
    version: Identifier
    release: Annotated[int, Field(ge=1)]
    sources: Sources
    recipe: Recipe
    input: Annotated[InputContract | RowContract, Field(discriminator="name")]
    output: OutputContract
    variants: Annotated[tuple[Variant, ...], Field(min_length=1)]
    chosen: Identifier
    device_map: dict[str, str] = {}
    golden: Golden
    documents: dict[str, Blob] = {}

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        ids = [variant.id for variant in self.variants]
        wanted = {self.chosen, *self.device_map.values()}
        if len(set(ids)) != len(ids) or not wanted <= set(ids):
            raise ValueError(f"variants {ids} must be distinct and include {sorted(wanted)}")
        if self.output.labels != self.recipe.labels.names:
            raise ValueError(f"output labels {self.output.labels} are not the recipe's {self.recipe.labels.names}")
        return self

    @property
    def picture_input(self) -> InputContract:
        """The contract of a model for pictures. Raises Rejected for one that takes rows of a table."""
        if isinstance(self.input, InputContract):
            return self.input
        raise Rejected(
            f"model {self.name} takes rows of a table, a station's camera gives pictures; use 'edge-agent predict' or "
            "'edge-agent serve'"
        )

    def variant_for(self, device_class: str) -> Variant:
        """Return the variant for a device class; `chosen` where the map has no entry."""
        wanted = self.device_map.get(device_class, self.chosen)
        return next(variant for variant in self.variants if variant.id == wanted)

    def blobs(self) -> Iterator[Blob]:
        """All blobs, each digest once."""
        seen: set[str] = set()
        named = [v.blob for v in self.variants] + [c.picture for c in self.golden.cases] + list(self.documents.values())
        for blob in named:
            if blob.digest not in seen:
                seen.add(blob.digest)
                yield blob

    def blobs_for(self, device_class: str) -> Iterator[Blob]:
        """The blobs that a device of this class needs: not the variants of others, nor reports."""
        skip = {v.blob.digest for v in self.variants} - {self.variant_for(device_class).blob.digest}
        skip |= {blob.digest for name, blob in self.documents.items() if name not in DEVICE_DOCUMENTS}
        return (blob for blob in self.blobs() if blob.digest not in skip)


DEVICE_DOCUMENTS = frozenset({"baseline"})
"""Documents a device needs; `labels`, `model_card`, `evaluation` are for people."""


def parse_manifest(data: bytes) -> Manifest:
    """Read manifest bytes that were already authenticated by their digest. Raises Rejected."""
    if len(data) > MAX_MANIFEST_BYTES:
        raise Rejected(f"manifest of {len(data)} bytes; at most {MAX_MANIFEST_BYTES} are read")
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise Rejected(f"manifest: {where}: {first['msg']}") from error


class BundleFolder:
    """A bundle on disk. Reading checks; nothing here writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def manifest_bytes(self) -> bytes:
        """Return the exact manifest bytes. Raises Rejected where there are none or too many."""
        try:
            with (self.folder / MANIFEST).open("rb") as file:
                data = file.read(MAX_MANIFEST_BYTES + 1)
        except OSError as error:
            raise Rejected(f"{self.folder}: no bundle, {MANIFEST} cannot be read ({error.strerror})") from error
        if len(data) > MAX_MANIFEST_BYTES:
            raise Rejected(f"{self.folder}: {MANIFEST} is larger than {MAX_MANIFEST_BYTES} bytes")
        return data

    @property
    def id(self) -> str:
        """SHA-256 of the exact manifest bytes."""
        return digest_bytes(self.manifest_bytes())

    def open(self, expected_id: str | None = None) -> Manifest:
        """Return the manifest; with `expected_id`, its digest is checked before anything is parsed."""
        data = self.manifest_bytes()
        found = digest_bytes(data)
        if expected_id is not None and found != expected_id:
            raise Rejected(
                f"{self.folder}: manifest is {found[:12]}, expected {expected_id[:12]}; fetch the bundle again"
            )
        return parse_manifest(data)

    def path(self, blob: Blob) -> Path:
        """Return where a blob lies."""
        return self.folder / blob.path

    def read(self, blob: Blob) -> bytes:
        """Return a blob's bytes after checking size and hash. Raises Rejected."""
        problem = self.check(blob)
        if problem:
            raise Rejected(f"{self.folder}: {problem}; fetch the bundle again")
        return self.path(blob).read_bytes()

    def check(self, blob: Blob) -> str | None:
        """Return what is wrong with a blob on disk, or None."""
        path = self.path(blob)
        if not path.is_file():
            return f"blob {blob.digest[:12]} is missing"
        size = path.stat().st_size
        if size != blob.size:
            return f"blob {blob.digest[:12]} has {size} bytes, expected {blob.size}"
        found = digest_file(path)
        return None if found == blob.digest else f"blob {blob.digest[:12]} hashes to {found[:12]}"

    def problems(self, blobs: Iterator[Blob] | None = None) -> list[str]:
        """Check the named blobs (all by default) and return every problem found."""
        chosen = self.open().blobs() if blobs is None else blobs
        return [problem for blob in chosen if (problem := self.check(blob))]


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the bytes that are hashed and signed."""
    return canonical_json(manifest)
