"""A port of this device: listening, serving an application in a thread, and saying no in one form."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from edge_agent.contracts.errors import ConfigError, LinesideError
from edge_agent.station.door import Door
from edge_agent.station.errors import Refused, refusal
from edge_agent.station.openapi import OPEN
from edge_agent.station.shield import Shield

_STOP_S = 2.0


def guard(app: FastAPI, door: Door) -> None:
    """Give the application its headers and limits, and the one form of refusals."""
    app.add_middleware(Shield)
    app.add_exception_handler(LinesideError, _refuse)
    app.add_exception_handler(RequestValidationError, partial(_refuse_input, door))
    app.add_exception_handler(HTTPException, _refuse_path)


@contextmanager
def served(app: FastAPI, listener: socket.socket) -> Iterator[threading.Thread]:
    """Serve in a thread of its own until the block ends; then open requests get two seconds."""
    settings = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
        lifespan="off",
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        server.should_exit = True
        thread.join(_STOP_S)


def listen(host: str, port: int, who: str, remedy: str) -> socket.socket:
    """Return a listening socket. Raises ConfigError where the port is taken or the address is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, for asyncio switches Nagle's algorithm off on such sockets alone: else every answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(64)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise ConfigError(f"{who} cannot listen on {host}:{port} ({reason}); {remedy}") from error
    return listener


def address(listener: socket.socket) -> str:
    """Return the page's address as one types it."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{port}/"


def _refuse(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LinesideError)
    refused = refusal(error)
    headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else None
    return JSONResponse(refused.body(), refused.status, headers=headers)


def _refuse_input(door: Door, request: Request, error: Exception) -> JSONResponse:
    """Say what is wrong with a request, but not to strangers: they hear that they must log in."""
    assert isinstance(error, RequestValidationError)
    if request.url.path not in OPEN:
        try:
            door.visitor(request)
        except Refused as stranger:
            return _refuse(request, stranger)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return JSONResponse(Refused(422, "bad-input", f"{where}: {first['msg']}").body(), 422)


def _refuse_path(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    refused = Refused(error.status_code, "http", str(error.detail))
    return JSONResponse(refused.body(), error.status_code, headers=error.headers)
