"""The web application: routers, and how errors become answers. All it serves is local; no internet is needed."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from edge_agent import __version__
from edge_agent.contracts.errors import ConfigError, LinesideError, Unavailable
from fleet.context import Context
from fleet.web import pages
from fleet.web.api import (
    alerts,
    devices,
    drift,
    images,
    labels,
    live,
    models,
    registry,
    rollouts,
    summary,
    tickets,
    windows,
)
from fleet.web.auth import Forbidden, NotFound, Unauthorised

ROUTERS = (devices, models, rollouts, registry, drift, tickets, alerts, labels, live, images, summary, windows, pages)
"""Modules with a `router`; those of the API carry their whole path, from /api/v1 on."""

_STATUS: tuple[tuple[type[LinesideError], int], ...] = (
    (Unauthorised, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Unavailable, 503),
    (ConfigError, 409),
    (LinesideError, 422),
)


def create_app(context: Context) -> FastAPI:
    """Return the application around a running server's parts."""
    app = FastAPI(
        title="Lineside fleet", version=__version__, openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None
    )
    app.state.context = context
    app.add_exception_handler(LinesideError, _answer)
    app.add_exception_handler(RequestValidationError, _malformed)
    for module in ROUTERS:
        app.include_router(module.router)
    return app


async def _answer(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LinesideError)
    status = next(code for kind, code in _STATUS if isinstance(error, kind))
    basic = status == 401 and request.url.path.startswith("/registry")
    headers = {"WWW-Authenticate": 'Basic realm="lineside"'} if basic else None
    return JSONResponse({"error": " ".join(str(error).split())}, status, headers)


async def _malformed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return JSONResponse({"error": f"{where}: {first['msg']}"}, 422)
