"""The registry as devices read it: TUF documents, signed manifests, blobs by hash (with ranges, so a cut goes on)."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from fleet.web.auth import NotFound, Reader, Server

router = APIRouter(prefix="/registry", tags=["registry"])

_METADATA = re.compile(r"^(timestamp|\d+\.(root|targets|snapshot))\.json$")
_TARGET = re.compile(r"^[a-z0-9][a-z0-9._-]*/\d+/[0-9a-f]{64}\.manifest\.json$")
_BLOB = re.compile(r"^[0-9a-f]{64}$")


def _file(folder: Path, name: str, form: re.Pattern[str], media_type: str) -> FileResponse:
    path = folder / name
    if not form.match(name) or not path.is_file():
        raise NotFound(f"'{name[:120]}' is not in the registry")
    return FileResponse(path, media_type=media_type)


@router.get("/metadata/{name}")
def metadata(name: str, context: Server, reader: Reader) -> FileResponse:
    """A document of The Update Framework."""
    return _file(context.repository.metadata, name, _METADATA, "application/json")


@router.get("/targets/{name:path}")
def target(name: str, context: Server, reader: Reader) -> FileResponse:
    """A signed manifest."""
    return _file(context.repository.targets_folder, name, _TARGET, "application/json")


@router.get("/blobs/sha256/{digest}")
def blob(digest: str, context: Server, reader: Reader) -> FileResponse:
    """A blob."""
    return _file(context.repository.blobs, digest, _BLOB, "application/octet-stream")
