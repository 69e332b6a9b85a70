"""The REST form of TensorFlow Serving, whatever the model takes: the body's envelope, a model's status and metadata.

Form: https://www.tensorflow.org/tfx/serving/api_rest (model status, predict in row and in column format).
"""

from __future__ import annotations

import json
from typing import Any

from edge_agent.contracts.bundle import Manifest
from edge_agent.contracts.errors import Rejected
from edge_agent.station.errors import Refused

SIGNATURE = "serving_default"
PREDICTIONS, OUTPUTS = "predictions", "outputs"
"""Where the answers go: by rows for `instances`, by columns for `inputs`."""


def envelope(body: bytes) -> tuple[str, Any]:
    """Return the key of a JSON request, `instances` or `inputs`, and what it holds. Raises Rejected."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Rejected(f'the body is no JSON ({error}); send {{"instances": [...]}}') from error
    if not isinstance(content, dict) or ("instances" in content) == ("inputs" in content):
        raise Rejected("the body needs one of 'instances' and 'inputs'")
    if content.get("signature_name", SIGNATURE) not in ("", SIGNATURE):
        raise Rejected(f"the model has no signature '{content['signature_name']}'; it has '{SIGNATURE}'")
    key = "instances" if "instances" in content else "inputs"
    return key, content[key]


def answer_key(key: str) -> str:
    """Return where the answers to a request's key go."""
    return PREDICTIONS if key == "instances" else OUTPUTS


def answered(key: str, answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the body of an answer below `key`.

    >>> answered("outputs", [{"score": 0.1}, {"score": 0.9, "error": "x"}])
    {'outputs': {'score': [0.1, 0.9], 'error': [None, 'x']}}
    """
    if key == PREDICTIONS:
        return {key: answers}
    names = dict.fromkeys(name for answer in answers for name in answer)
    return {key: {name: [answer.get(name) for answer in answers] for name in names}}


def status_of(manifest: Manifest) -> dict[str, Any]:
    """Return which version of the model serves."""
    status = {"error_code": "OK", "error_message": ""}
    return {"model_version_status": [{"version": manifest.version, "state": "AVAILABLE", "status": status}]}


def metadata_of(manifest: Manifest) -> dict[str, Any]:
    """Return what the model takes and gives: shapes, columns, labels."""
    contracts = {"input": manifest.input, "output": manifest.output}
    return {
        "model_spec": {"name": manifest.name, "signature_name": SIGNATURE, "version": manifest.version},
        "metadata": {name: contract.model_dump(mode="json") for name, contract in contracts.items()},
    }


def check_name(manifest: Manifest, name: str, version: str, where: str) -> None:
    """Raise Refused(404) unless a request asks for this model; `version` "" is any, `where` what runs it."""
    if name != manifest.name or version not in ("", manifest.version):
        found = f"{name} {version}".strip()
        raise Refused(404, "other-model", f"no model '{found}' here; {where} runs {manifest.name} {manifest.version}")
