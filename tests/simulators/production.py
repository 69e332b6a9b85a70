"""Made-up production: a baseline of a few features, windows of normal values, and a database that they arrive in."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid5

from edge_agent.contracts.bundle import Blob, BundleFolder, Manifest, manifest_bytes
from edge_agent.contracts.drift_score import drift_scores
from edge_agent.contracts.encoding import canonical_json, digest_bytes
from edge_agent.contracts.window import Baseline, Feature, Statistics, WindowHead, encode_window
from fleet.store.database import Database
from fleet.store.tables import Device, Model, Window
from tests.simulators.bundles import make_bundle

MEANS = {"brightness": 120.0, "contrast": 30.0, "sharpness": 12.0, "score": 0.2}
PARTS = 50
HOUR_MS = 3600 * 1000
_NAMESPACE = UUID("6f1c6a6e-4c52-4b43-9d5e-0a1d0c7d5a11")


def baseline(seed: int = 1, constant: bool = False) -> Baseline:
    """A baseline whose features are normal with a deviation of 5 %; `constant` adds one that never moved."""
    rng = random.Random(seed)
    features = [_feature(name, mean, rng) for name, mean in MEANS.items()]
    if constant:
        features.append(
            Feature(name="still", edges=(0.0, 1.0), origin=0.0, step=0.01, counts=(0, 5000, 0), mean=0.5, deviation=0.0)
        )
    made = Baseline(features=tuple(features), labels=("good", "scratch"), window_parts=PARTS)
    scores: dict[str, list[float]] = {f.name: [] for f in made.features}
    for _ in range(400):
        for name, score in drift_scores(made, window(made, rng)).items():
            scores[name].append(score)
    return made.model_copy(update={"calibration": {name: tuple(sorted(values)) for name, values in scores.items()}})


def _feature(name: str, mean: float, rng: random.Random) -> Feature:
    width = 0.05 * mean
    edges = tuple(mean + width * (i - 4) / 2 for i in range(9))
    blank = Feature(name=name, edges=edges, origin=mean, step=width / 100, counts=(0,) * 10, mean=mean, deviation=width)
    counts = [0] * 10
    for _ in range(5000):
        counts[blank.bin(rng.gauss(mean, width))] += 1
    return blank.model_copy(update={"counts": tuple(counts)})


def window(made: Baseline, rng: random.Random, parts: int = PARTS, factor: float = 1.0) -> Statistics:
    """A window of normal values; `factor` scales the picture's measures, as a weaker lamp does."""
    out = Statistics.empty(made)
    for feature in made.features:
        scale = 1.0 if feature.name in ("score", "still") else factor
        for _ in range(parts):
            out.tallies[feature.name].add(feature, scale * rng.gauss(feature.mean, feature.deviation))
    return out


@dataclass
class Production:
    """Devices whose windows arrive in a real database."""

    database: Database
    registry: Path
    baseline: Baseline
    rng: random.Random = field(default_factory=lambda: random.Random(11))
    bundle: str = ""
    sent: dict[str, int] = field(default_factory=dict)

    @classmethod
    def begin(cls, folder: Path, devices: dict[str, str], made: Baseline) -> Production:
        """Create the database and the registry folder, publish one bundle, enrol `devices` (device → site)."""
        database = Database(f"sqlite:///{folder / 'fleet.db'}")
        database.migrate()
        production = cls(database, folder / "registry", made)
        production.publish("v1", 1)
        with database.begin() as session:
            for device, site in devices.items():
                session.add(
                    Device(id=device, site=site, line="l1", device_class="generic", credential="-", enrolled_ms=0)
                )
        return production

    @property
    def folder(self) -> BundleFolder:
        """Where the registry's blobs lie."""
        return BundleFolder(self.registry)

    def publish(self, version: str, release: int, name: str = "tiles") -> str:
        """Put a bundle with the baseline into registry and database; it is what later windows were counted with."""
        content = canonical_json(self.baseline)
        blob = Blob(digest=digest_bytes(content), size=len(content))
        bundle = make_bundle(self.registry, version, name, release)
        (self.registry / blob.path).write_bytes(content)
        manifest = bundle.open().model_copy(update={"documents": {"baseline": blob}})
        self.bundle = digest_bytes(manifest_bytes(manifest))
        with self.database.begin() as session:
            session.add(_row(manifest, self.bundle))
        return self.bundle

    def send(
        self,
        device: str,
        at_ms: int,
        parts: int = PARTS,
        factor: float = 1.0,
        received_ms: int | None = None,
        made: Baseline | None = None,
    ) -> None:
        """Let one window arrive that ended at `at_ms`."""
        seq = self.sent[device] = self.sent.get(device, 0) + 1
        counted = made or self.baseline
        head = WindowHead(
            boot=uuid5(_NAMESPACE, device),
            seq=seq,
            schema_id=counted.schema_id,
            bundle=self.bundle,
            started_ms=max(0, at_ms - HOUR_MS),
            ended_ms=at_ms,
            parts=parts,
        )
        payload = encode_window(head, window(counted, self.rng, parts, factor))
        with self.database.begin() as session:
            session.add(
                Window(
                    device=device,
                    received_ms=at_ms if received_ms is None else received_ms,
                    payload=payload,
                    digest=digest_bytes(payload),
                    **head.model_dump(mode="json", exclude={"schema_version"}),
                )
            )


def _row(manifest: Manifest, bundle: str) -> Model:
    return Model(
        name=manifest.name,
        release=manifest.release,
        version=manifest.version,
        bundle=bundle,
        manifest=manifest.model_dump(mode="json"),
        published_ms=0,
    )
