"""The OpenAPI description of the station's port, for programs: `GET /openapi.json` with the station's token.

What FastAPI cannot see is added here: who may ask, what a body holds, which answers are no JSON, and the refusals.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi

from edge_agent.station.door import COOKIE, TOKEN_HEADER, Door

Schema = dict[str, Any]

OPEN = frozenset({"/healthz", "/readyz", "/api/operators", "/api/login", "/api/me"})
"""Paths that need no log-in: they tell a stranger no more than the log-in page must show."""

_OTHER_TYPES: dict[str, tuple[str, ...]] = {
    "/metrics": ("text/plain",),
    "/api/live": ("text/event-stream",),
    "/api/camera": ("image/jpeg",),
    "/api/images/{digest}": ("image/png", "image/jpeg"),
    "/api/parts/{part}/heatmap": ("image/png",),
}
_REFUSALS = {
    "400": "What was sent cannot be used; `error` says what was found and what was expected.",
    "401": "Nobody is logged in, or the token is not the station's.",
    "403": "Not allowed: no person, another role, or the request token is missing.",
    "404": "There is no such thing here.",
    "409": "The state of things does not allow it.",
    "413": "The request brings too much.",
    "422": "A parameter or field has the wrong form.",
    "429": "Too many wrong PINs; wait.",
    "503": "Not now: the station is not ready, has no model, or a process does not answer.",
}
_REFUSAL: Schema = {
    "type": "object",
    "required": ["error", "code"],
    "properties": {"error": {"type": "string"}, "code": {"type": "string"}},
}
_PIXELS: Schema = {
    "type": "array",
    "description": "Rows of columns of channels, or of grey values; numbers 0..255, colours as the recipe says.",
    "minItems": 1,
    "items": {"type": "array", "minItems": 1, "items": {"anyOf": [{"type": "number"}, {"type": "array"}]}},
}
_ENCODED: Schema = {
    "type": "object",
    "description": "A PNG, JPEG, BMP or TIFF file in base64.",
    "required": ["b64"],
    "additionalProperties": False,
    "properties": {"b64": {"type": "string", "contentEncoding": "base64"}},
}
_INSTANCE: Schema = {
    "anyOf": [{"$ref": "#/components/schemas/EncodedPicture"}, {"$ref": "#/components/schemas/Pixels"}]
}
_NAMED: Schema = {
    "type": "object",
    "required": ["image"],
    "additionalProperties": False,
    "properties": {"image": _INSTANCE},
}
_ROWS: Schema = {"type": "array", "minItems": 1, "maxItems": 64, "items": {"anyOf": [*_INSTANCE["anyOf"], _NAMED]}}
_COLUMN: Schema = {
    "type": "object",
    "required": ["image"],
    "additionalProperties": False,
    "properties": {"image": {"type": "array", "minItems": 1, "maxItems": 64, "items": _INSTANCE}},
}
_SIGNATURE: Schema = {"signature_name": {"type": "string", "enum": ["", "serving_default"]}}
_PREDICT_BODY: Schema = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "anyOf": [
                    {
                        "type": "object",
                        "required": ["instances"],
                        "properties": {**_SIGNATURE, "instances": _ROWS},
                        "not": {"required": ["inputs"]},
                    },
                    {
                        "type": "object",
                        "required": ["inputs"],
                        "properties": {**_SIGNATURE, "inputs": {"anyOf": [_ROWS, _COLUMN]}},
                        "not": {"required": ["instances"]},
                    },
                ]
            }
        },
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["image"],
                "properties": {
                    "image": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 64,
                        "items": {"type": "string", "contentMediaType": "application/octet-stream"},
                    }
                },
            }
        },
    },
}
_HEATMAP = {
    "name": "heatmap",
    "in": "query",
    "required": False,
    "description": "1 or true: send the heatmap along, rows of numbers 0..1.",
    "schema": {"type": "string", "enum": ["0", "1", "true", "false"]},
}
_VERSION = {"name": "version", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_PREDICTION: Schema = {
    "type": "object",
    "required": ["verdict", "reason", "label", "score", "probabilities", "peak"],
    "properties": {
        "verdict": {"enum": ["accept", "reject", "review"]},
        "reason": {"type": "string"},
        "label": {"type": "string"},
        "score": {"type": ["number", "null"], "description": "Probability of defective."},
        "probabilities": {"type": ["array", "null"], "items": {"type": "number"}},
        "peak": {
            "type": ["array", "null"],
            "description": "The heatmap's strongest point, x and y as fractions of the picture.",
            "items": {"type": "number"},
        },
        "heatmap": {"type": ["array", "null"], "items": {"type": "array", "items": {"type": "number"}}},
        "error": {"type": "string"},
    },
}
_PREDICTIONS: Schema = {
    "anyOf": [
        {
            "type": "object",
            "required": ["predictions"],
            "properties": {"predictions": {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}}},
        },
        {
            "type": "object",
            "description": "Asked by columns, answered by columns: each name with one value per picture.",
            "required": ["outputs"],
            "properties": {"outputs": {"type": "object", "additionalProperties": {"type": "array"}}},
        },
    ]
}


@dataclass(frozen=True)
class Contract:
    """The route of the description itself."""

    door: Door
    app: FastAPI
    _made: dict[str, Schema] = field(default_factory=dict)

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/openapi.json", self.description, methods=["GET"], response_model=None)
        return router

    def description(self, request: Request) -> Schema:
        """Return the description of every route that programs may use."""
        self.door.visitor(request)
        if "whole" not in self._made:
            self._made["whole"] = describe(self.app)
        return self._made["whole"]


def describe(app: FastAPI) -> Schema:
    """Return the OpenAPI document of an application."""
    from edge_agent import __version__

    document = get_openapi(title=app.title, version=__version__, routes=app.routes)
    _components(document.setdefault("components", {}))
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _complete(path, operation)
    return document


def _components(components: Schema) -> None:
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "The text of api.token in the station's folder."},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": COOKIE,
            "description": f"Given by /api/login; changes also carry the header {TOKEN_HEADER}.",
        },
    }
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas.update(Refusal=_REFUSAL, EncodedPicture=_ENCODED, Pixels=_PIXELS, Prediction=_PREDICTION)


def _complete(path: str, operation: Schema) -> None:
    if path not in OPEN:
        operation["security"] = [{"token": []}, {"session": []}]
    answers = operation["responses"]
    for status, words in _REFUSALS.items():
        answers[status] = {"description": words, "content": _json({"$ref": "#/components/schemas/Refusal"})}
    if path in _OTHER_TYPES:
        answers["200"]["content"] = {kind: {"schema": {"type": "string"}} for kind in _OTHER_TYPES[path]}
    if path == "/api/camera":
        answers["204"] = {"description": "No newer picture than `after` yet."}
    if "{version}" in path:
        operation.setdefault("parameters", []).append(copy.deepcopy(_VERSION))
    if path.endswith(":predict"):
        operation["requestBody"] = copy.deepcopy(_PREDICT_BODY)
        operation.setdefault("parameters", []).append(copy.deepcopy(_HEATMAP))
        answers["200"]["content"] = _json(copy.deepcopy(_PREDICTIONS))


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}
