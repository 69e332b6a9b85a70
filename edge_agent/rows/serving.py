"""The prediction API of a model for tables, in TensorFlow Serving's REST form: rows in, verdicts out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from edge_agent.contracts.bundle import Manifest
from edge_agent.contracts.errors import LinesideError, Rejected
from edge_agent.contracts.row import Row
from edge_agent.rows.service import RowService
from edge_agent.station.door import Door
from edge_agent.station.errors import Refused
from edge_agent.station.metrics import CONTENT_TYPE, family
from edge_agent.station.port import guard
from edge_agent.station.tensorflow_form import answer_key, answered, check_name, envelope, metadata_of, status_of

MAX_ROWS = 1024


def application(service: RowService, door: Door) -> FastAPI:
    """Return the application: `/v1/models/…`, `/healthz`, `/readyz`, `/metrics`."""
    app = FastAPI(title="Lineside rows", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(RowServing(service, door).router())
    guard(app, door)
    return app


@dataclass(frozen=True)
class RowServing:
    """The routes. Health and readiness need no token and tell nothing else."""

    service: RowService
    door: Door

    def router(self) -> APIRouter:
        """Return the routes; the name may carry a version: `NAME/versions/VERSION`."""
        router = APIRouter()
        for base in ("/v1/models/{name}", "/v1/models/{name}/versions/{version}"):
            router.add_api_route(base + ":predict", self.predict, methods=["POST"], response_model=None)
            router.add_api_route(base + "/metadata", self.metadata, methods=["GET"], response_model=None)
            router.add_api_route(base, self.status, methods=["GET"], response_model=None)
        for path, answer in (("/healthz", self.health), ("/readyz", self.readiness), ("/metrics", self.metrics)):
            router.add_api_route(path, answer, methods=["GET"], response_model=None)
        return router

    async def predict(self, request: Request, name: str) -> dict[str, Any]:
        """Judge rows: JSON `instances` or `inputs`."""
        await run_in_threadpool(self._manifest, request, name)
        rows, key = parse_rows(await request.body())
        if not 1 <= len(rows) <= MAX_ROWS:
            raise Refused(400, "bad-input", f"{len(rows)} instances; send 1 to {MAX_ROWS} at once")
        return answered(key, await run_in_threadpool(self.service.judge, rows))

    def status(self, request: Request, name: str) -> dict[str, Any]:
        """Return which version of the model serves."""
        return status_of(self._manifest(request, name))

    def metadata(self, request: Request, name: str) -> dict[str, Any]:
        """Return columns, known texts and labels."""
        return metadata_of(self._manifest(request, name))

    def health(self) -> dict[str, bool]:
        """Say that this process answers."""
        return {"ok": True}

    def readiness(self) -> dict[str, bool]:
        """Say whether there is a model that answers. Raises Refused(503) with the reason."""
        try:
            self.service.manifest()
        except LinesideError as error:
            raise Refused(503, "not-ready", str(error), ready=False) from error
        return {"ready": True}

    def metrics(self, request: Request) -> Response:
        """Return all metrics."""
        self.door.visitor(request)
        return Response("".join(exposition(self.service)), media_type=CONTENT_TYPE)

    def _manifest(self, request: Request, name: str) -> Manifest:
        self.door.visitor(request)
        manifest = self.service.manifest()
        check_name(manifest, name, request.path_params.get("version", ""), "this server")
        return manifest


def parse_rows(body: bytes) -> tuple[list[Row], str]:
    """Return the rows of a JSON request and the key under which the answers go. Raises Rejected.

    A row is an object of its cells by column; `inputs` may also be an object of columns, each a list as long as the
    others.
    """
    key, content = envelope(body)
    if key == "inputs" and isinstance(content, dict):
        content = _turned(content)
    if not isinstance(content, list):
        raise Rejected(f"'{key}' is {type(content).__name__}, expected a list of rows, each an object of its cells")
    for place, row in enumerate(content):
        if not isinstance(row, dict):
            raise Rejected(f"instance {place}: {type(row).__name__}, expected an object of cells by column")
    return content, answer_key(key)


def _turned(columns: dict[str, Any]) -> list[Row]:
    odd = next((name for name, cells in columns.items() if not isinstance(cells, list)), None)
    if odd is not None:
        raise Rejected(f"column '{odd}' is {type(columns[odd]).__name__}, expected a list with a cell for each row")
    counts = {len(cells) for cells in columns.values()}
    if len(counts) > 1:
        raise Rejected(f"columns of {', '.join(map(str, sorted(counts)))} cells, expected as many in each")
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def exposition(service: RowService) -> Iterator[str]:
    """Yield the metrics; a model that cannot be loaded has no sample."""
    try:
        manifest = service.manifest()
        model = [({"name": manifest.name, "version": manifest.version}, 1.0)]
    except LinesideError:
        model = []
    yield from family("row_model_info", "gauge", "The model that answers.", model)
    verdicts = [({"verdict": verdict}, float(count)) for verdict, count in sorted(service.verdicts.items())]
    yield from family("row_verdicts_total", "counter", "Rows judged by request.", verdicts)
    yield from family("row_seconds_total", "counter", "Time spent on them.", [({}, service.seconds)])
