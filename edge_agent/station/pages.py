"""The one HTML page and its files. It holds no data: everything comes through the API, after the log-in."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Request
from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.responses import FileResponse, HTMLResponse, Response

from edge_agent.contracts.errors import Rejected
from edge_agent.station.errors import Refused

LANGUAGES = ("en", "de")
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
}


class Pages:
    """Serves the page from the installed package."""

    def __init__(self, device: str, language: str | None = None) -> None:
        loader = PackageLoader("edge_agent.station", "templates")
        template = Environment(loader=loader, autoescape=select_autoescape(["html"])).get_template("station.html")
        self._language = language
        self._html = {
            spoken: template.render(device=device, languages=LANGUAGES, language=spoken) for spoken in LANGUAGES
        }
        folder = Path(str(files("edge_agent.station").joinpath("static")))
        self._static = {path.name: path for path in folder.iterdir() if path.suffix in _TYPES}

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/", self.page, response_model=None)
        router.add_api_route("/static/{name}", self.static, response_model=None)
        return router

    def page(self, request: Request) -> HTMLResponse:
        """Return the page, in the station's language or the browser's; a person's own choice is kept by the browser."""
        spoken = spoken_language(request, self._language)
        return HTMLResponse(self._html[spoken], headers={"Vary": "Accept-Language"})

    def static(self, name: str) -> Response:
        """Return one of the files that were there at the start; no name from outside becomes a path."""
        path = self._static.get(name)
        if path is None:
            raise Refused(404, "no-file", "there is no such file")
        return FileResponse(path, media_type=_TYPES[path.suffix], headers={"Cache-Control": "no-cache"})


def spoken_language(request: Request, default: str | None) -> str:
    """Return the station's language (`default`), else the browser's best that is known."""
    if default in LANGUAGES:
        return str(default)
    return accepted_language(request.headers.get("Accept-Language", ""))


def accepted_language(header: str) -> str:
    """Return the known language of highest quality in an Accept-Language header (RFC 9110, section 12.5.4).

    >>> accepted_language("fr-CH, de;q=0.7, en;q=0.8"), accepted_language("de-AT"), accepted_language("")
    ('en', 'de', 'en')
    """
    wished = [(-place, *_wish(entry)) for place, entry in enumerate(header.split(","))]
    known = [(quality, place, code) for place, code, quality in wished if code in LANGUAGES and quality > 0]
    return max(known)[2] if known else LANGUAGES[0]


def _wish(entry: str) -> tuple[str, float]:
    code, _, parameter = entry.strip().partition(";")
    name, _, value = parameter.strip().partition("=")
    try:
        quality = float(value) if name == "q" else 1.0
    except ValueError:
        quality = 0.0
    return code.strip()[:2].lower(), quality


def check_languages(texts: dict[str, dict[str, str]]) -> None:
    """Check that all languages say the same things. Raises Rejected with what is missing where."""
    every = {key for text in texts.values() for key in text}
    for language, text in texts.items():
        missing = sorted(every - set(text))
        if missing:
            raise Rejected(f"{language}: no text for {', '.join(missing)}")
