"""Pictures: devices upload them under their hash, people and the trainer fetch them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from edge_agent.contracts.errors import Rejected
from fleet.context import Context
from fleet.people.images import MAX_IMAGE_BYTES, MEDIA, Pictures, note
from fleet.store.monitoring_tables import Image
from fleet.web.auth import Forbidden, NotFound, Server, Viewer, device

router = APIRouter(prefix="/api/v1", tags=["images"])
Sender = Annotated[str, Depends(device)]
Sha = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=31536000, immutable",
}


@router.put("/devices/{name}/images/{sha}", status_code=204)
async def upload(name: str, sha: Sha, request: Request, context: Server, sender: Sender) -> None:
    """Take in a picture of a device: at most 10 MB, PNG or JPEG, its SHA-256 in the address. Repeating is harmless."""
    if sender != name:
        raise Forbidden(f"'{sender}' may not upload for '{name[:63]}'")
    body = await _body(request)
    await run_in_threadpool(_keep, context, sender, sha, body)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_IMAGE_BYTES:
            raise Rejected(f"picture of more than {MAX_IMAGE_BYTES} bytes; send a smaller one")
    return bytes(body)


def _keep(context: Context, sender: str, sha: str, body: bytes) -> None:
    kind = Pictures(context.home.images).keep(sha, body)
    with context.database.begin() as session:
        note(session, sha, sender, kind, len(body), context.now_ms())


@router.get("/images/{sha}", response_class=FileResponse)
def fetch(sha: Sha, context: Server, person: Viewer) -> FileResponse:
    """Return a picture's bytes."""
    with context.database.read() as session:
        row = session.get(Image, sha)
    path = Pictures(context.home.images).path(sha, row.kind) if row else None
    if row is None or path is None or not path.is_file():
        raise NotFound(f"there is no picture {sha[:12]}; its device has not uploaded it yet")
    return FileResponse(path, media_type=MEDIA[row.kind], headers=_SAFE)
