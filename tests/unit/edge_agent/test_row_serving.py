"""Rows by HTTP in TensorFlow Serving's form: the answers of `edge-agent predict`, for those who have the token."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.clock import SYSTEM
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import Rejected
from edge_agent.rows.model import RowModel
from edge_agent.rows.service import RowService, followed
from edge_agent.rows.serving import application, parse_rows
from edge_agent.station.door import Door
from edge_agent.station.pinbook import PinBook
from edge_agent.station.port import address, listen, served
from tests.simulators.bundles import make_bundle

FROZEN = Path(__file__).parents[2] / "contract/golden/bundle-1-rows"
TOKEN = "a-token-that-is-long-enough"
NAME = BundleFolder(FROZEN).open().name
PREDICT = f"/v1/models/{NAME}:predict"
COLUMNS = [column.name for column in BundleFolder(FROZEN).open().input.columns]


@pytest.fixture(scope="module")
def rows():
    bundle = BundleFolder(FROZEN)
    return {case.label: json.loads(bundle.read(case.picture)) for case in bundle.open().golden.cases}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A program with the token, and the server that it talks to."""
    folder = tmp_path_factory.mktemp("server")
    service = RowService(followed(FROZEN, "generic", 1, folder))
    door = Door(PinBook(folder / "pins.json"), TOKEN, "", SYSTEM)
    listener = listen("127.0.0.1", 0, "the server", "give another port")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with (
        served(application(service, door), listener),
        httpx.Client(base_url=address(listener), headers=headers) as client,
    ):
        yield client


def test_rows_are_answered_as_the_device_judges_them(program, rows):
    model = RowModel(BundleFolder(FROZEN), "generic")
    answer = program.post(PREDICT, json={"instances": [rows["ok"], rows["burn"]]})
    assert answer.status_code == 200, answer.text
    for said, row in zip(answer.json()["predictions"], (rows["ok"], rows["burn"]), strict=True):
        judged = model.judge([row])
        assert (said["verdict"], said["label"]) == (judged.verdict.value, judged.label)
        assert said["score"] == pytest.approx(judged.score)
        assert said["probabilities"] == pytest.approx(judged.probabilities)


def test_columns_are_answered_by_columns(program, rows):
    columns = {name: [rows["ok"][name], rows["burn"][name]] for name in rows["ok"]}
    by_rows = program.post(PREDICT, json={"instances": [rows["ok"], rows["burn"]]}).json()["predictions"]
    for inputs in (columns, [rows["ok"], rows["burn"]]):
        found = program.post(PREDICT, json={"inputs": inputs, "signature_name": "serving_default"}).json()["outputs"]
        assert found == {name: [one[name] for one in by_rows] for name in by_rows[0]}


def test_status_and_metadata_tell_version_columns_and_labels(program):
    (state,) = program.get(f"/v1/models/{NAME}").json()["model_version_status"]
    assert (state["state"], state["status"]["error_code"]) == ("AVAILABLE", "OK")
    metadata = program.get(f"/v1/models/{NAME}/versions/{state['version']}/metadata").json()["metadata"]
    assert metadata["input"]["name"] == "row"
    assert metadata["input"]["columns"]
    assert metadata["output"]["labels"][0] == "ok"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "no JSON"),
        (b"{}", "one of 'instances' and 'inputs'"),
        (b'{"instances": []}', "0 instances; send 1 to 1024"),
        (b'{"instances": {"a": [1]}}', "'instances' is dict, expected a list of rows"),
        (b'{"instances": [[1]]}', "instance 0: list, expected an object"),
        (b'{"instances": [{"feed": 1}]}', "instance 0: column 'spindle_current_a' is missing"),
        (b'{"inputs": {"a": 1}}', "column 'a' is int, expected a list"),
        (b'{"inputs": {"a": [1], "b": [1, 2]}}', "columns of 1, 2 cells"),
        (b'{"signature_name": "other", "instances": [{}]}', "no signature 'other'"),
    ],
)
def test_bad_requests_are_named(program, body, words):
    answer = program.post(PREDICT, content=body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_a_cell_that_is_no_number_is_named_and_a_missing_one_is_not(program, rows):
    odd = program.post(PREDICT, json={"instances": [rows["ok"], {**rows["ok"], "feed_force_n": "abc"}]})
    assert odd.status_code == 400
    assert odd.json()["error"].startswith("instance 1: column 'feed_force_n' is 'abc'")
    for cell in (10**400, True, [1], {"a": 1}):
        said = program.post(PREDICT, json={"instances": [{**rows["ok"], "feed_force_n": cell}]})
        assert (said.status_code, "column 'feed_force_n'" in said.json()["error"]) == (400, True)
    nested = program.post(PREDICT, json={"instances": [{**rows["ok"], "material": ["steel"]}]})
    assert "column 'material' is a list, expected a text" in nested.json()["error"]
    missing = program.post(PREDICT, content=json.dumps({"instances": [{**rows["ok"], "feed_force_n": float("nan")}]}))
    assert missing.json()["predictions"][0]["score"] is not None


def test_strangers_and_other_names_are_refused(program, rows):
    stranger = {"Authorization": "Bearer another"}
    for path in (f"/v1/models/{NAME}", "/metrics"):
        assert program.get(path, headers=stranger).status_code == 401
    assert program.post(PREDICT, json={"instances": [rows["ok"]]}, headers=stranger).status_code == 401
    other = program.post("/v1/models/bolts:predict", json={"instances": [rows["ok"]]})
    assert (other.status_code, other.json()["code"]) == (404, "other-model")


def test_health_needs_no_token_and_metrics_count_rows(program, rows):
    assert program.get("/healthz", headers={"Authorization": ""}).json() == {"ok": True}
    assert program.get("/readyz", headers={"Authorization": ""}).json() == {"ready": True}
    program.post(PREDICT, json={"instances": [rows["burn"]]})
    text = program.get("/metrics").text
    assert 'lineside_row_verdicts_total{verdict="reject"}' in text
    assert f'lineside_row_model_info{{name="{NAME}"' in text


CELL = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUE = st.recursive(CELL, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3))


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(["instances", "inputs"]), name=st.sampled_from(COLUMNS), value=VALUE, whole=st.booleans())
def test_whatever_is_sent_is_answered_or_refused_with_words(program, rows, key, name, value, whole):
    content = {key: value if whole else [{**rows["ok"], name: value}]}
    answer = program.post(PREDICT, content=json.dumps(content).encode())
    assert answer.status_code in (200, 400)
    assert ("error" in answer.json()) == (answer.status_code == 400)


def test_a_link_is_followed_and_a_bundle_that_cannot_be_used_is_not(tmp_path, rows, caplog):
    latest = tmp_path / "latest"
    with pytest.raises(Rejected):
        RowService(followed(latest, "generic", 1, tmp_path)).manifest()
    for number, folder in enumerate((FROZEN, make_bundle(tmp_path / "pictures").folder)):
        (tmp_path / f"v{number}").symlink_to(folder)
    turn(latest, tmp_path / "v0")
    service = RowService(followed(latest, "generic", 1, tmp_path))
    assert service.judge([rows["burn"]])[0]["verdict"] == "reject"
    turn(latest, tmp_path / "v1")
    assert service.judge([rows["burn"]])[0]["verdict"] == "reject"
    assert service.judge([rows["ok"]])[0]["verdict"] == "accept"
    assert [record.message.partition(": ")[2] for record in caplog.records] == [
        "model tiles takes pictures, expected one that takes rows; use 'edge-agent run'"
    ]
    shutil.copytree(FROZEN, tmp_path / "v2")
    turn(latest, tmp_path / "v2")
    assert service.manifest().name == NAME


def turn(link, target):
    """Lead a link elsewhere in one step, as the Pusher does."""
    fresh = link.with_name(".latest")
    fresh.symlink_to(target)
    fresh.replace(link)


def test_what_is_accepted_sends_its_answers_at_once():
    with listen("127.0.0.1", 0, "the server", "give another port") as listener, socket.socket() as client:
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP, "asyncio sets TCP_NODELAY where the protocol says TCP"


def test_columns_without_rows_are_no_rows():
    assert parse_rows(b'{"inputs": {}}') == ([], "outputs")


def test_the_command_serves_until_it_is_told_to_stop(tmp_path, rows):
    words = ["serve", "--home", tmp_path / "home", "--bundle", FROZEN, "--port", 0, "--json"]
    command = [Path(sys.executable).with_name("edge-agent"), *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        told = json.loads(process.stdout.readline())
        token = Path(told["token"])
        assert token.stat().st_mode & 0o777 == 0o600
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
        answer = httpx.post(f"{told['url']}:predict", json={"instances": [rows["ok"]]}, headers=headers)
        assert answer.json()["predictions"][0]["verdict"] == "accept"
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(20) == 0
