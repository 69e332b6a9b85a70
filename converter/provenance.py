"""Digests of what a model was made of, for a caller that does not know better."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edge_agent.contracts.bundle import Sources
from edge_agent.contracts.encoding import canonical_json, digest_bytes, digest_file

LIBRARIES = ("ai-edge-litert", "keras", "numpy", "opencv-python-headless", "tensorflow", "tflite-runtime")


def sources_of(model: Path, data: str) -> Sources:
    """Return the sources of a model of which only the file is known: `code` is the model's own digest."""
    return Sources(data=data, code=model_digest(model), environment=environment_digest())


def model_digest(model: Path) -> str:
    """Return the digest of a file, or of a folder's files and their names."""
    if model.is_file():
        return digest_file(model)
    files = sorted(path for path in model.rglob("*") if path.is_file())
    return digest_bytes(canonical_json([[p.relative_to(model).as_posix(), digest_file(p)] for p in files]))


def environment() -> dict[str, str]:
    """Return the versions of the libraries that matter, of those that are installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def environment_digest() -> str:
    """Return the digest of `environment`."""
    return digest_bytes(canonical_json(environment()))
