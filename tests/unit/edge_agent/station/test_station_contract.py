"""The station's port as programs see it: its description, its metrics, and a client made for TensorFlow Serving."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from edge_agent.contracts.verdict import Verdict
from edge_agent.station.openapi import OPEN
from tests.simulators.line import GOOD, PARTS, SCRATCHED, picture

METRICS = Path(__file__).resolve().parents[4] / "docs" / "formats" / "metrics.md"
UNFIT = re.compile(r"(milli|micro|mega|kilo|_ms$|_mb$|_percent|_gauge|_counter|_summary)")


@pytest.fixture
def document(desk):
    return desk.program().get("/openapi.json").json()


def test_the_description_is_for_those_who_may_come_in(desk):
    assert desk.browser().get("/openapi.json").status_code == 401
    assert desk.browser("Anna").get("/openapi.json").status_code == 200


def test_every_route_says_who_may_ask_and_what_it_refuses(document):
    assert set(document["components"]["securitySchemes"]) == {"token", "session"}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert ("security" in operation) == (path not in OPEN), path
            assert {"400", "401", "404", "422", "503"} <= set(operation["responses"])
    assert set(document["paths"]) >= OPEN, "what is open without a log-in is a route"


def test_predictions_say_what_a_body_holds(document):
    predict = document["paths"]["/v1/models/{name}:predict"]["post"]
    assert set(predict["requestBody"]["content"]) == {"application/json", "multipart/form-data"}
    assert [parameter["name"] for parameter in predict["parameters"]] == ["name", "heatmap"]
    assert document["paths"]["/metrics"]["get"]["responses"]["200"]["content"].keys() == {"text/plain"}


@pytest.mark.parametrize("path", ["/metrics", "/openapi.json", "/v1/models/tiny", "/api/status", "/api/queue"])
def test_nothing_is_told_to_strangers(desk, path):
    assert desk.browser().get(path).status_code == 401


def test_health_and_readiness_need_no_log_in(desk):
    stranger = desk.browser()
    assert stranger.get("/healthz").json() == {"ok": True}
    assert stranger.get("/readyz").status_code == 503
    desk.hear()
    assert stranger.get("/readyz").json() == {"ready": True}


def test_a_wrong_method_is_told_the_right_one(desk):
    answer = desk.program().delete("/api/status")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")


def test_what_was_given_up_is_in_the_metrics(desk):
    for name in ("trigger.bounced", "output.mes.skipped", "image.dropped", "part.unrecorded", "fault.camera"):
        desk.station.journal.raise_tally(name)
    desk.hear(pictures_lost=3)
    assert {
        'lineside_triggers_ignored_total{why="bounced"} 1',
        'lineside_outputs_skipped_total{output="mes"} 1',
        'lineside_faults_total{fault="camera"} 1',
        "lineside_pictures_dropped_total 1",
        "lineside_parts_unrecorded_total 1",
        "lineside_pictures_lost_total 3",
    } <= set(desk.program().get("/metrics").text.splitlines())


def test_metrics_are_what_prometheus_reads(desk):
    desk.hear(latency_p50_ms=5.25, latency_p95_ms=7.0)
    desk.station.pass_by(Verdict.ACCEPT)
    text = desk.program().get("/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert all(name.startswith("lineside_") for name in families)
    for name, family in families.items():
        assert family.documentation, f"{name} has no HELP"
        assert family.type in ("counter", "gauge", "summary"), name
        assert all(sample.name == (f"{name}_total" if family.type == "counter" else name) for sample in family.samples)
        assert not UNFIT.search(name), f"{name} is not in a base unit, or says its type"
        assert family.type == "summary" or not any("quantile" in sample.labels for sample in family.samples)
    documented = set(re.findall(r"`(lineside_[a-z_]+)", METRICS.read_text(encoding="utf-8")))
    assert documented == {f"{name}_total" if family.type == "counter" else name for name, family in families.items()}
    assert families["lineside_parts"].samples[0].value == 1
    verdicts = families["lineside_verdicts"].samples
    assert [(sample.labels, sample.value) for sample in verdicts] == [({"verdict": "accept"}, 1.0)]
    assert text.count("# TYPE lineside_parts_total ") == 1


@pytest.fixture
def served(desk):
    """What a client of TensorFlow Serving is configured with: the model's URL and its headers."""
    token = (desk.station.home.root / "api.token").read_text().strip()
    return f"{desk.url}v1/models/tiny", {"content-type": "application/json", "Authorization": f"Bearer {token}"}


def test_a_client_of_tensorflow_serving_by_rows(served):
    """The request of TensorFlow Serving's tutorial, word for word but for the address and the header."""
    url, headers = served
    pictures = [picture(name)[:, :, None].tolist() for name in (GOOD, SCRATCHED)]
    data = json.dumps({"signature_name": "serving_default", "instances": pictures})
    json_response = requests.post(f"{url}:predict", data=data, headers=headers, timeout=30)
    predictions = json.loads(json_response.text)["predictions"]
    assert [prediction["verdict"] for prediction in predictions] == ["accept", "reject"]


def test_a_client_of_tensorflow_serving_by_columns(served):
    url, headers = served
    values = [picture(name)[:, :, None].tolist() for name in (GOOD, SCRATCHED)]
    by_rows = requests.post(f"{url}:predict", json={"instances": values}, headers=headers, timeout=30).json()
    for inputs in (values, {"image": values}):
        answer = requests.post(f"{url}:predict", json={"inputs": inputs}, headers=headers, timeout=30).json()
        assert answer["outputs"]["score"] == [row["score"] for row in by_rows["predictions"]]
        assert answer["outputs"]["label"] == [row["label"] for row in by_rows["predictions"]]


def test_a_client_of_tensorflow_serving_with_encoded_pictures(served):
    url, headers = served
    state = requests.get(url, headers=headers, timeout=30).json()["model_version_status"][0]
    assert state["state"] == "AVAILABLE"
    encoded = {"b64": base64.b64encode((PARTS / SCRATCHED).read_bytes()).decode()}
    predict = f"{url}/versions/{state['version']}:predict"
    answer = requests.post(predict, json={"instances": [encoded, {"image": encoded}]}, headers=headers, timeout=30)
    assert [row["verdict"] for row in answer.json()["predictions"]] == ["reject", "reject"]
    wrong = requests.post(predict, json={"instances": [{"b64": "no"}]}, headers=headers, timeout=30)
    assert wrong.status_code == 400
    assert set(wrong.json()) >= {"error"}


@pytest.mark.parametrize("values", ["[[[true]]]", '[[["12"]]]', "[[[null]]]", "[[[{}]]]"])
def test_only_numbers_are_numbers(desk, values):
    answer = desk.program().post("/v1/models/tiny:predict", content=f'{{"instances": [{values}]}}'.encode())
    assert answer.status_code == 400
    assert "expected numbers 0..255" in answer.json()["error"]
