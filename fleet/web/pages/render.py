"""Templates and the headers that every page carries."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Nothing but our own files may run, be shown, or frame us; tokens and findings stay out of caches."""


@cache
def _templates() -> Environment:
    return Environment(loader=PackageLoader("fleet.web"), autoescape=True, undefined=StrictUndefined)


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a filled template; all values are escaped."""
    return HTMLResponse(_templates().get_template(template).render(values), status, HEADERS)
