"""The releases as the database lists them, in step with the signed registry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from sqlalchemy import select
from sqlalchemy.orm import Session

from edge_agent.contracts.bundle import Manifest, parse_manifest
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.messages import ModelRef
from fleet.registry.documents import releases
from fleet.registry.repository import Repository
from fleet.store.database import Database
from fleet.store.tables import Model


class Catalogue:
    """Takes signed releases in and finds them again."""

    def __init__(self, database: Database, repository: Repository, now_ms: Callable[[], int]) -> None:
        self._database, self._repository, self._now_ms = database, repository, now_ms

    def take_in(self, targets: bytes, manifest: bytes, release: int, blessed: bool) -> ModelRef:
        """Check and store a signed release (number `release`; what is new beside it are ways back); return it."""
        now_ms = self._now_ms()
        now = datetime.fromtimestamp(now_ms / 1000, timezone.utc)
        new = self._repository.accept(targets, {digest_bytes(manifest): manifest}, now)
        chosen = next((ref for ref, _ in new if ref.release == release), None)
        if chosen is None:
            raise Rejected(f"release {release} is not among the new ones in the signed targets; publish again")
        with self._database.begin() as session:
            for ref, opened in new:
                session.merge(_row(ref, opened, blessed, ref.release != release, now_ms))
        return chosen

    def reconcile(self) -> int:
        """List what is signed but not in the database (a new or restored one); return how many releases that were."""
        with self._database.begin() as session:
            known = {(row.name, row.release) for row in session.scalars(select(Model))}
            added, seen = 0, set[str]()
            for ref in releases(self._repository.targets()):
                if (ref.name, ref.release) not in known:
                    manifest = parse_manifest(self._repository.manifest(ref.bundle))
                    session.add(_row(ref, manifest, True, ref.bundle in seen, self._now_ms()))
                    added += 1
                seen.add(ref.bundle)
            return added

    def all(self) -> list[Model]:
        """Return all releases, newest first within a model."""
        with self._database.read() as session:
            return list(session.scalars(select(Model).order_by(Model.name, Model.release.desc())))

    def find(self, wanted: str | None) -> ModelRef:
        """Return the release meant by `MODEL[@VERSION]`: the latest blessed one where no version is named.

        A named version may be an earlier one; then its highest release is meant, which is the way back that devices
        accept. Without any name there must be only one model. Raises Rejected where nothing fits.
        """
        name, _, version = (wanted or "").partition("@")
        rows = [row for row in self.all() if name in ("", row.name)]
        if not rows:
            raise Rejected(f"no model '{wanted}' in the registry; 'fleet models' lists what is" if wanted else _NOTHING)
        names = sorted({row.name for row in rows})
        if len(names) > 1:
            raise Rejected(f"there are {len(names)} models ({', '.join(names)}); say which one")
        fitting = [row for row in rows if (row.version == version if version else row.blessed and not row.revert)]
        if not fitting:
            raise Rejected(f"{names[0]}: no version '{version}'" if version else f"{names[0]}: no version is blessed")
        return ref_of(fitting[0])


_NOTHING = "the registry is empty; publish a bundle first: 'fleet publish BUNDLE'"


def ref_of(row: Model) -> ModelRef:
    """Return a row as what is sent to devices."""
    return ModelRef(name=row.name, version=row.version, release=row.release, bundle=row.bundle)


def way_back(session: Session, name: str, bundle: str, above: int) -> Model | None:
    """Return the lowest signed release of an earlier bundle that a device which has seen `above` accepts."""
    query = select(Model).where(Model.name == name, Model.bundle == bundle, Model.release > above)
    return session.scalars(query.order_by(Model.release).limit(1)).first()


def _row(ref: ModelRef, manifest: Manifest, blessed: bool, revert: bool, now_ms: int) -> Model:
    return Model(
        name=ref.name,
        release=ref.release,
        version=ref.version,
        bundle=ref.bundle,
        manifest=manifest.model_dump(mode="json"),
        blessed=blessed,
        revert=revert,
        published_ms=now_ms,
    )
