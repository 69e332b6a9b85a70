"""The conversion process: sources of both kinds, files that are no model, and what becomes of a process that dies."""

import os
import signal

import numpy as np
import pytest

from converter.variants import Place
from converter.workshop import Job, Workshop
from edge_agent.contracts.errors import Unavailable
from tests.fixtures.make_bundles import HERE

MODEL = HERE / "models/tiny.keras"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    found = Place(tmp_path_factory.mktemp("work"))
    np.save(found.test, np.random.default_rng(1).integers(0, 256, (5, 48, 48, 1)).astype(np.uint8))
    return found


@pytest.fixture(scope="module")
def workshop(place):
    with Workshop(place.folder / "log") as found:
        yield found


def load(place, name, model, export, shape=(48, 48, 1)):
    fields = {"model": str(model), "export": str(place.folder / export), "inputs": str(place.test)}
    fields |= {"outputs": str(place.scores(name)), "shape": list(shape), "labels": ["ok", "scratch", "pit"]}
    return Job(name, "load", fields)


@pytest.mark.slow
def test_a_saved_model_answers_as_the_keras_file_it_was_made_of(place, workshop):
    assert workshop.run([load(place, "keras", MODEL, "first")])["keras"].fields["rescaling"] is True
    answer = workshop.run([load(place, "saved", place.folder / "first", "second")])["saved"]
    assert answer.ok, answer.reason
    assert answer.fields["shapes"] == {"logits": [1, 3], "heatmap": [1, 6, 6], "embedding": [1, 8]}
    with np.load(place.scores("keras")) as one, np.load(place.scores("saved")) as other:
        assert set(one.files) == set(other.files) == {"logits", "heatmap", "embedding"}
        assert all(np.allclose(one[name], other[name], atol=1e-4) for name in one.files)
    fields = {"variant": "float32", "export": str(place.folder / "second"), "output": str(place.model("float32"))}
    assert workshop.run([Job("float32", "tflite", fields)])["float32"].ok


@pytest.mark.slow
def test_what_is_no_model_or_has_another_shape_is_refused(place, workshop):
    broken = place.folder / "broken.keras"
    broken.write_bytes(b"not a zip file")
    (place.folder / "empty").mkdir()
    jobs = [
        load(place, "file", broken, "x"),
        load(place, "folder", place.folder / "empty", "y"),
        load(place, "shape", MODEL, "z", (64, 48, 1)),
    ]
    answers = workshop.run(jobs)
    assert "no Keras model" in answers["file"].reason
    assert "no SavedModel" in answers["folder"].reason
    assert "the recipe says (1, 64, 48, 1)" in answers["shape"].reason
    assert {answer.code for answer in answers.values()} == {"REJECTED"}


@pytest.mark.slow
def test_a_conversion_process_that_dies_is_said(place, workshop):
    with Workshop(place.folder / "log2") as dying:
        os.kill(dying._child.process, signal.SIGKILL)
        with pytest.raises(Unavailable, match="the conversion process ended"):
            dying.run([load(place, "late", MODEL, "third")])


def test_a_conversion_that_takes_too_long_is_given_up(place):
    with (
        pytest.raises(Unavailable, match=r"slow: no answer after 0 s"),
        Workshop(place.folder / "log3", limit_s=0.2) as hasty,
    ):
        hasty.run([load(place, "slow", MODEL, "fourth")])
    with pytest.raises(ProcessLookupError):
        os.kill(hasty._child.process, 0)
