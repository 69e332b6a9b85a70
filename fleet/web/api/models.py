"""Models: list the releases, take in a signed one, take in its blobs."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from edge_agent.contracts.errors import Rejected
from fleet.store.tables import Model
from fleet.web.auth import Operator, Server, Viewer, audit

router = APIRouter(prefix="/api/v1", tags=["models"])


class SignedRelease(BaseModel):
    """A release as the publisher hands it over; bytes as base64."""

    targets: str
    manifest: str
    release: int = Field(ge=1)
    blessed: bool = True


class Digests(BaseModel):
    """Hashes of blobs."""

    digests: list[str] = Field(max_length=10_000)


def as_json(row: Model) -> dict[str, Any]:
    """Return what a list of releases shows."""
    return {
        "name": row.name,
        "version": row.version,
        "release": row.release,
        "bundle": row.bundle,
        "blessed": row.blessed,
        "revert": row.revert,
        "used": row.used,
        "published_ms": row.published_ms,
    }


@router.get("/models")
def list_models(context: Server, person: Viewer) -> dict[str, Any]:
    """All releases, newest first; `revert` marks the signed ways back."""
    return {"models": [as_json(row) for row in context.catalogue.all()]}


@router.post("/models", status_code=201)
def publish(signed: SignedRelease, context: Server, person: Operator) -> dict[str, Any]:
    """Take in a release that was signed elsewhere, with the offline keys."""
    targets, manifest = _decode(signed.targets), _decode(signed.manifest)
    ref = context.catalogue.take_in(targets, manifest, signed.release, signed.blessed)
    with context.database.begin() as session:
        audit(session, context.now_ms(), person, "model.publish", f"{ref.name} {ref.version}", release=ref.release)
    return ref.model_dump(mode="json")


@router.get("/registry/targets")
def targets(context: Server, person: Viewer) -> Response:
    """The signed targets document, for publishers to extend."""
    return Response(context.repository.targets_bytes(), media_type="application/json")


@router.post("/registry/missing")
def missing(wanted: Digests, context: Server, person: Operator) -> dict[str, Any]:
    """Which of the named blobs must be uploaded."""
    return {"missing": context.repository.missing(_digest(d) for d in wanted.digests)}


@router.put("/blobs/{digest}", status_code=201)
async def put_blob(digest: str, request: Request, context: Server, person: Operator) -> dict[str, Any]:
    """Upload one blob; it is kept only if it hashes to its name."""
    with context.repository.receive(_digest(digest)) as incoming:
        async for piece in request.stream():
            incoming.write(piece)
        await run_in_threadpool(incoming.finish)
    return {"digest": digest}


def _digest(text: str) -> str:
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise Rejected(f"'{text[:80]}' is no SHA-256 in hexadecimal")
    return text


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Rejected(f"not base64 ({error})") from error
