"""Which baseline a window is compared with: the one in the signed bundle that the device ran."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from edge_agent.contracts.bundle import BundleFolder, Manifest
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.window import Baseline
from fleet.monitoring.detectors import Reference
from fleet.monitoring.evidence import Budget
from fleet.store.tables import Model

DOCUMENT = "baseline"


class Baselines:
    """References by bundle, read once. `folder` is the registry's, below which `blobs/sha256/` lies."""

    def __init__(self, folder: BundleFolder, budget: Budget, keep: int = 64) -> None:
        self._folder = folder
        self._budget = budget
        self._keep = keep
        self._known: dict[str, Reference] = {}

    def reference(self, session: Session, bundle: str) -> Reference:
        """Return the reference of a published bundle. Raises Rejected where it has no baseline."""
        if bundle not in self._known:
            while len(self._known) >= self._keep:
                del self._known[next(iter(self._known))]
            self._known[bundle] = Reference.of(self._baseline(session, bundle), self._budget)
        return self._known[bundle]

    def _baseline(self, session: Session, bundle: str) -> Baseline:
        content = session.scalar(select(Model.manifest).where(Model.bundle == bundle).limit(1))
        if content is None:
            raise Rejected(f"bundle {bundle[:12]} is not in the registry; publish it, then its windows can be judged")
        blob = Manifest.model_validate(content).documents.get(DOCUMENT)
        if blob is None:
            raise Rejected(f"bundle {bundle[:12]} carries no baseline; convert the model again with calibration data")
        try:
            return Baseline.model_validate_json(self._folder.read(blob))
        except ValidationError as error:
            raise Rejected(f"bundle {bundle[:12]}: its baseline cannot be read; convert the model again") from error


def model_of(session: Session, bundle: str) -> tuple[str, str]:
    """Return (model name, version) of a bundle, ("", "") where it is unknown."""
    row = session.execute(select(Model.name, Model.version).where(Model.bundle == bundle).limit(1)).first()
    return (row[0], row[1]) if row else ("", "")


Clock = Callable[[], int]
"""Milliseconds since 1970."""
