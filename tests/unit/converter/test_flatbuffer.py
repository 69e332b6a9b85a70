from contextlib import suppress

import numpy as np
import pytest

from converter.flatbuffer import read_graph
from converter.targets import not_integer
from edge_agent.contracts.errors import Rejected


def content(bundle, variant):
    manifest = bundle.open()
    return bundle.read(next(v for v in manifest.variants if v.id == variant).blob)


def test_a_float_graph_is_read_without_running_it(tiny_bundle):
    graph = read_graph(content(tiny_bundle, "float32"))
    assert graph.versions["CONV_2D"] == 1
    assert graph.inputs == ("FLOAT32",)
    assert "no operator has int8 weights" in not_integer(graph, "int8")


def test_an_integer_graph_is_proven_to_be_one(tiny_bundle):
    assert not_integer(read_graph(content(tiny_bundle, "int8")), "int8") == []


def test_every_cut_and_mutation_is_refused_or_read_but_never_crashes(tiny_bundle):
    data = content(tiny_bundle, "int8")
    rng = np.random.default_rng(7)
    for _ in range(150):
        broken = bytearray(data[: rng.integers(8, len(data))] if rng.random() < 0.5 else data)
        for place in rng.integers(8, len(broken), 20):
            broken[place] = rng.integers(0, 256)
        with suppress(Rejected):
            read_graph(bytes(broken))


def test_something_else_is_no_graph():
    with pytest.raises(Rejected, match="identifier"):
        read_graph(b"PK\x03\x04 a zip file")
