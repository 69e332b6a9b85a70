"""Predictions in TensorFlow Serving's form are what the line would have said."""

import base64
import json
import math

import cv2
import numpy as np
import pytest

from edge_agent.capture.frame import Frame
from edge_agent.clock import SYSTEM
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.counts import canary_count
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Colour
from edge_agent.contracts.verdict import Automation, Verdict
from edge_agent.inference.champion import load_model
from edge_agent.inspection import Inspector
from edge_agent.station.prediction import values_to_frame
from edge_agent.station.serving import parse_body
from tests.simulators.line import GOOD, PARTS, SCRATCHED, TINY, TINY_2, altered_bundle, install, picture

URL = "/v1/models/tiny:predict"


def encoded(name):
    return {"b64": base64.b64encode((PARTS / name).read_bytes()).decode()}


def on_the_line(name, automation=Automation.PARTIAL):
    model = load_model(BundleFolder(TINY), "generic", 1)
    return Inspector(SYSTEM).inspect([Frame(picture(name), live=False)], model, automation, math.inf)


def test_encoded_pictures_get_the_verdict_of_the_line(desk):
    answer = desk.program().post(URL, json={"instances": [encoded(GOOD), {"image": encoded(SCRATCHED)}]})
    assert answer.status_code == 200, answer.text
    for prediction, name in zip(answer.json()["predictions"], (GOOD, SCRATCHED), strict=True):
        finding = on_the_line(name)
        assert prediction["verdict"] == finding.ruling.verdict.value
        assert prediction["label"] == finding.label
        assert prediction["score"] == pytest.approx(finding.score, abs=1e-6)
        assert prediction["peak"] == pytest.approx(finding.peak)
        assert sum(prediction["probabilities"]) == pytest.approx(1.0)


def test_nested_lists_in_column_form_and_a_heatmap(desk):
    values = picture(SCRATCHED)[:, :, None].tolist()
    answer = desk.program().post(URL + "?heatmap=1", json={"inputs": {"image": [values]}}).json()["outputs"]
    finding = on_the_line(SCRATCHED)
    assert answer["score"] == [pytest.approx(finding.score, abs=1e-6)]
    assert np.array(answer["heatmap"][0]) == pytest.approx(finding.heatmap, abs=1e-4)


def test_uploads_in_a_form(desk):
    files = [("image", (name, (PARTS / name).read_bytes())) for name in (GOOD, SCRATCHED)]
    answer = desk.browser("Anna").post(URL, files=files)
    assert [p["verdict"] for p in answer.json()["predictions"]] == [
        on_the_line(name).ruling.verdict.value for name in (GOOD, SCRATCHED)
    ]


def test_the_degree_of_automation_in_force_counts(desk):
    desk.hear(mode="human")
    assert desk.program().post(URL, json={"instances": [encoded(GOOD)]}).json()["predictions"][0]["verdict"] == "review"
    assert on_the_line(GOOD, Automation.HUMAN).ruling.verdict is Verdict.REVIEW


def test_a_black_picture_is_a_bad_one_and_not_scored(desk):
    black = base64.b64encode(cv2.imencode(".png", np.zeros((64, 64), np.uint8))[1].tobytes()).decode()
    prediction = desk.program().post(URL, json={"instances": [{"b64": black}]}).json()["predictions"][0]
    assert (prediction["verdict"], prediction["reason"], prediction["score"]) == ("reject", "bad-image", None)


def test_the_next_prediction_uses_the_model_that_was_activated(desk):
    program = desk.program()
    assert program.get("/v1/models/tiny").json() == {
        "model_version_status": [
            {"version": "v1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }
    before = program.post(URL, json={"instances": [encoded(SCRATCHED)]}).json()["predictions"][0]["score"]
    install(desk.station.home, TINY_2)
    after = program.post("/v1/models/tiny/versions/v2:predict", json={"instances": [encoded(SCRATCHED)]})
    assert after.json()["predictions"][0]["score"] != before
    assert program.post("/v1/models/tiny/versions/v1:predict", json={"instances": []}).status_code == 404


def test_metadata_tells_shapes_and_labels(desk):
    content = desk.program().get("/v1/models/tiny/metadata").json()
    assert content["metadata"]["input"]["shape"] == [1, 48, 48, 1]
    assert content["metadata"]["output"]["labels"] == ["ok", "scratch", "pit"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "no JSON"),
        (b"[1]", 400, "one of 'instances' and 'inputs'"),
        (b'{"instances": [], "inputs": []}', 400, "one of"),
        (b'{"instances": []}', 400, "0 instances; send 1 to 64"),
        (b'{"instances": "x"}', 400, "expected a list"),
        (b'{"instances": [{"b64": "%%"}]}', 400, "instance 0: 'b64' is no base64"),
        ('{"instances": [{"b64": "é"}]}'.encode(), 400, "instance 0: 'b64' is no base64"),
        (b'{"signature_name": "\\ud800", "instances": [7]}', 400, "no signature '?'"),
        (b'{"instances": [{"b64": "aGVsbG8="}]}', 400, "instance 0: not a readable picture"),
        (b'{"instances": [[[1, 2], [3]]]}', 400, "instance 0: not a rectangle of numbers"),
        (b'{"instances": [[[[1, 2]]]]}', 400, "instance 0: numbers of shape (1, 1, 2)"),
        (b'{"instances": [[[256]]]}', 400, "instance 0: numbers from 256 to 256"),
        (b'{"instances": [[[NaN]]]}', 400, "expected numbers 0..255"),
        (b'{"instances": [7]}', 400, "instance 0: expected"),
        (b'{"signature_name": "other", "instances": [7]}', 400, "no signature 'other'"),
    ],
)
def test_bad_requests_are_named(desk, body, status, words):
    answer = desk.program().post(URL, content=body)
    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_other_models_and_no_model_are_named(desk):
    program = desk.program()
    other = program.post("/v1/models/bolts:predict", json={"instances": [encoded(GOOD)]})
    assert (other.status_code, other.json()["error"]) == (404, "no model 'bolts' here; this station runs tiny v1")
    desk.station.home.slots.unlink()
    assert program.post(URL, json={"instances": [encoded(GOOD)]}).status_code == 503


def test_a_damaged_model_is_refused(desk, tmp_path):
    install(desk.station.home, altered_bundle(tmp_path / "other", version="v9"))
    blob = desk.station.home.bundle(desk.app.view.status()["model"]["bundle"]) / "blobs" / "sha256"
    for path in blob.iterdir():
        path.write_bytes(b"x" * path.stat().st_size)
    answer = desk.program().post(URL, json={"instances": [encoded(GOOD)]})
    assert answer.status_code == 400
    assert "fetch the bundle again" in answer.json()["error"]


def test_a_colour_picture_in_lists_is_rgb_as_the_model_sees_it():
    frame = values_to_frame([[[255, 0, 0]]], Colour.RGB)
    assert frame.tolist() == [[[0, 0, 255]]], "a camera's frame is BGR"
    with pytest.raises(Rejected, match="expected numbers"):
        values_to_frame([[1, 2]], Colour.RGB)


def test_the_key_of_the_answer_follows_the_key_of_the_request():
    assert parse_body(json.dumps({"inputs": [encoded(GOOD)]}).encode())[1] == "outputs"
    assert parse_body(json.dumps({"instances": [{"image": [[1]]}]}).encode()) == ([[[1]]], "predictions")


def test_metrics_are_counted_and_escaped(desk):
    desk.hear(latency_p50_ms=5.25, latency_p95_ms=7.0)
    desk.station.journal.raise_tally(canary_count("5ec0" * 16, "late"), 3)
    desk.station.pass_by(Verdict.ACCEPT)
    desk.station.hold()
    program = desk.program()
    program.post(URL, json={"instances": [encoded(GOOD)]})
    text = program.get("/metrics").text
    lines = set(text.splitlines())
    assert {
        "lineside_parts_total 2",
        'lineside_verdicts_total{verdict="accept"} 1',
        'lineside_reasons_total{reason="model"} 1',
        'lineside_canary_parts_total{bundle="5ec05ec05ec0",outcome="late"} 3',
        "lineside_held_total 1",
        "lineside_reviews_waiting 1",
        "lineside_ready 1",
        'lineside_latency_seconds{quantile="0.5"} 0.00525',
        "lineside_predictions_total 1",
        f'lineside_model_info{{bundle="{desk.station.bundle}",name="tiny",version="v1"}} 1',
    } <= lines
    assert all(line.startswith(("# HELP ", "# TYPE ", "lineside_")) for line in lines)
    assert desk.browser().get("/healthz").json() == {"ok": True}
