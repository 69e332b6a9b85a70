"""Live pages by Server-Sent Events: each page gets its state at once and at every change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from edge_agent.contracts.errors import LinesideError
from edge_agent.station.view import View

POLL_S = 0.1
BEAT_S = 2.0


class Live:
    """Watches the journal while anybody watches the page."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._closing = False

    def close(self) -> None:
        """End all streams, so that the server can stop."""
        self._closing = True

    async def events(self, request: Request, operator: str, allowed: Callable[[], bool]) -> AsyncIterator[str]:
        """Yield a person's state at once and at every change, and a beat every 2 s; ends when `allowed` says no."""
        seen: tuple[object, ...] | None = None
        beat = 0.0
        while not self._closing and not await request.is_disconnected():
            if beat >= BEAT_S or seen is None:
                if not await run_in_threadpool(allowed):
                    yield event("login", {})
                    return
                beat = 0.0
                yield event("beat", {})
            try:
                marker = await run_in_threadpool(self._view.marker, operator)
                if marker != seen:
                    state = await run_in_threadpool(self._view.state, operator)
                    seen = marker
                    yield event("state", state)
            except LinesideError as error:
                yield event("trouble", {"words": str(error)})
            await asyncio.sleep(POLL_S)
            beat += POLL_S


def event(name: str, data: object) -> str:
    """Return one event as it travels (HTML Living Standard, section 9.2)."""
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"
