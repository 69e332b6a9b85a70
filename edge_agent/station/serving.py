"""The prediction API in the REST form of TensorFlow Serving, so that its clients work unchanged.

Form: https://www.tensorflow.org/tfx/serving/api_rest (model status, predict in row and in column format).
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from edge_agent.contracts.bundle import Manifest
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.verdict import Automation
from edge_agent.station.door import Door
from edge_agent.station.errors import Refused
from edge_agent.station.models import Bundles
from edge_agent.station.prediction import Instance, Predictor, Wanted
from edge_agent.station.tensorflow_form import (
    PREDICTIONS,
    answer_key,
    answered,
    check_name,
    envelope,
    metadata_of,
    status_of,
)

MAX_INSTANCES = 64
FIELD = "image"


@dataclass(frozen=True)
class Serving:
    """The routes below `/v1/models`. `mode` tells the degree of automation in force on the line."""

    door: Door
    bundles: Bundles
    predictor: Predictor
    mode: Callable[[], Automation | None]

    def router(self) -> APIRouter:
        """Return the routes; the name may carry a version: `NAME/versions/VERSION`."""
        router = APIRouter(prefix="/v1/models", tags=["prediction"])
        for base in ("/{name}", "/{name}/versions/{version}"):
            router.add_api_route(base + ":predict", self.predict, methods=["POST"], response_model=None)
            router.add_api_route(base + "/metadata", self.metadata, methods=["GET"], response_model=None)
            router.add_api_route(base, self.status, methods=["GET"], response_model=None)
        return router

    def status(self, request: Request, name: str) -> dict[str, Any]:
        """Return which version of the model serves."""
        self.door.visitor(request)
        return status_of(self._manifest(request, name))

    def metadata(self, request: Request, name: str) -> dict[str, Any]:
        """Return shapes, labels and thresholds."""
        self.door.visitor(request)
        return metadata_of(self._manifest(request, name))

    async def predict(self, request: Request, name: str) -> dict[str, Any]:
        """Judge pictures: JSON `instances` or `inputs`, or a form with files in the field `image`."""
        await run_in_threadpool(self.door.visitor, request)
        await run_in_threadpool(self._manifest, request, name)
        form = request.headers.get("Content-Type", "").startswith("multipart/form-data")
        instances, key = (await _uploads(request), PREDICTIONS) if form else parse_body(await request.body())
        if not 1 <= len(instances) <= MAX_INSTANCES:
            raise Refused(400, "bad-input", f"{len(instances)} instances; send 1 to {MAX_INSTANCES} at once")
        wanted = Wanted(self.mode(), request.query_params.get("heatmap", "") in ("1", "true"))
        answers = await run_in_threadpool(self.predictor.predict, instances, wanted)
        return answered(key, answers)

    def _manifest(self, request: Request, name: str) -> Manifest:
        active = self.bundles.active_manifest()
        if active is None:
            raise Refused(503, "no-model", "no model is installed on this station yet; roll one out to it")
        check_name(active[1], name, request.path_params.get("version", ""), "this station")
        return active[1]


def parse_body(body: bytes) -> tuple[list[Instance], str]:
    """Return the instances of a JSON request and the key under which the answers go. Raises Rejected."""
    key, rows = envelope(body)
    if isinstance(rows, dict) and set(rows) == {FIELD}:
        rows = rows[FIELD]
    if not isinstance(rows, list):
        raise Rejected(f"'{key}' is {type(rows).__name__}, expected a list of pictures")
    return [_instance(row, place) for place, row in enumerate(rows)], answer_key(key)


def _instance(row: Any, place: int) -> Instance:
    if isinstance(row, dict) and set(row) == {FIELD}:
        row = row[FIELD]
    if isinstance(row, list):
        return row
    if not isinstance(row, dict) or set(row) != {"b64"} or not isinstance(row["b64"], str):
        raise Rejected(f'instance {place}: expected {{"b64": "…"}} or nested lists of numbers')
    try:
        return base64.b64decode(row["b64"], validate=True)
    except ValueError as error:
        raise Rejected(f"instance {place}: 'b64' is no base64 ({error})") from error


async def _uploads(request: Request) -> list[Instance]:
    async with request.form(max_files=MAX_INSTANCES, max_fields=16) as form:
        return [await file.read() for file in form.getlist(FIELD) if isinstance(file, UploadFile)]
