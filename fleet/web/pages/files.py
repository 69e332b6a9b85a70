"""Style, scripts and pictures of the pages: a fixed list of our own files."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from fleet.web.auth import NotFound

router = APIRouter()
_FOLDER = Path(__file__).parents[1] / "static"
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES = {path.name: path for path in _FOLDER.iterdir() if path.suffix in _KINDS}


@router.get("/static/{name}", response_class=FileResponse)
def static(name: str) -> FileResponse:
    """Return one of the pages' files; the browser asks each time whether it has changed."""
    path = _FILES.get(name)
    if path is None:
        raise NotFound(f"no file '{name[:63]}'")
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return FileResponse(path, media_type=_KINDS[path.suffix], headers=headers)


@router.get("/favicon.ico", response_class=FileResponse)
def favicon() -> FileResponse:
    """Return the logo."""
    return static("logo.svg")
