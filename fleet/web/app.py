"""The web application: routers, and how errors become answers. All it serves is local; no internet is needed."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from edge_agent import __version__
from edge_agent.contracts.errors import ConfigError, LinesideError, Unavailable
from fleet.context import Context
from fleet.web.auth import Forbidden, NotFound, Unauthorised

ROUTERS = (
    "fleet.web.api.devices",
    "fleet.web.api.models",
    "fleet.web.api.rollouts",
    "fleet.web.api.registry",
    "fleet.web.api.drift",
    "fleet.web.api.tickets",
    "fleet.web.api.labels",
    "fleet.web.api.images",
    "fleet.web.api.summary",
    "fleet.web.pages",
)
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
    for name in ROUTERS:
        if find_spec(name) is not None:
            app.include_router(import_module(name).router)
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
