from xml.etree import ElementTree

import pytest

from trainer.lineage.fleet import with_fleet
from trainer.lineage.graph import Edge, Lineage, Node, makers_of, with_descendants
from trainer.lineage.origins import Origins
from trainer.lineage.text import lineage_lines
from trainer.pipeline.driver import Driver
from trainer.pipeline.index import Entry, Stored
from trainer.pipeline.key import Parts
from trainer.reports.layered import Sizes, layers, place, reduced
from trainer.reports.lineage_page import draw

SIZES = Sizes()


def test_an_edge_for_which_a_longer_way_stands_is_left_out():
    pairs = [("a", "b"), ("b", "c"), ("a", "c"), ("d", "c")]
    assert reduced(pairs) == {("a", "b"), ("b", "c"), ("d", "c")}


def test_layers_grow_downwards_and_sources_stand_right_above_their_user():
    found = layers(["a", "b", "c", "late", "d"], [("a", "b"), ("b", "c"), ("c", "d"), ("late", "d")])
    assert found == {"a": 0, "b": 1, "c": 2, "late": 2, "d": 3}


def test_nodes_do_not_overlap_and_edges_pass_beside_them():
    nodes = ["a", "b", "c", "e", "d"]
    pairs = [("a", "b"), ("b", "c"), ("c", "d"), ("a", "e"), ("e", "d")]
    found = place(nodes, pairs, SIZES)
    corners = list(found.nodes.values())
    for number, (x, y) in enumerate(corners):
        for other_x, other_y in corners[number + 1 :]:
            assert abs(x - other_x) >= SIZES.width or abs(y - other_y) >= SIZES.height
    long_way = found.edges["e", "d"]
    assert long_way[0][1] < long_way[-1][1]
    for (x, y), (left, top) in ((point, corner) for point in long_way[1:-1] for corner in corners):
        assert not (left < x < left + SIZES.width and top < y < top + SIZES.height)
    assert place(nodes, pairs, SIZES) == found


def test_nothing_has_no_size():
    assert (place([], [], SIZES).width, place([], [], SIZES).height) == (0.0, 0.0)


def _entry(step, output, created, *inputs):
    parts = Parts("m:f", {f"i{n}": digest for n, digest in enumerate(inputs)}, {}, {}, {}, {})
    return Entry(step, parts, {"out": Stored("T", output, {})}, "r", 1.0, created)


@pytest.fixture
def entries():
    made = [
        _entry("Gen", "examples", 1, "data"),
        _entry("Train", "old", 2, "examples"),
        _entry("Train", "new", 3, "examples"),
        _entry("Convert", "bundle", 4, "new"),
        _entry("Push", "pushed", 5, "bundle", "data"),
    ]
    return {str(number): entry for number, entry in enumerate(made)}


def test_from_an_artifact_back_to_the_data_and_on_to_the_newest_that_was_made_of_it(entries):
    origins = Origins(entries.values())
    steps = [e.outputs["out"].digest for e in makers_of(origins, with_descendants(entries, "bundle"))]
    assert steps == ["examples", "new", "bundle", "pushed"]
    steps = [e.outputs["out"].digest for e in makers_of(origins, with_descendants(entries, "old"))]
    assert steps == ["examples", "old"]


def test_equal_content_of_two_steps_is_no_circle():
    made = [_entry("Judge", "yes", 1, "data"), _entry("Convert", "bundle", 2, "yes"), _entry("Try", "yes", 3, "bundle")]
    origins = Origins(made)
    assert origins.maker("yes", made[1]) is made[0]
    assert [entry.step for entry in makers_of(origins, [made[2]])] == ["Judge", "Convert", "Try"]


def test_the_text_names_the_execution_that_was_there_before_not_one_that_made_the_same_later(tmp_path):
    driver = Driver(tmp_path)
    made = [_entry("Gen", "examples", 1, "data"), _entry("Train", "model-digest", 2, "examples")]
    for number, entry in enumerate([*made, _entry("GenAgain", "examples", 3, "data")]):
        driver.index.add(str(number), entry)
    told = "\n".join(lineage_lines(driver, "model-digest"))
    driver.close()
    assert "(Gen.out" in told
    assert "GenAgain" not in told


@pytest.fixture
def graph():
    nodes = (
        Node("d" * 64, "data", "RawImages", ("ddd", "3 pictures <of> 1 parts")),
        Node("b" * 64, "made", "Bundle v1", ("bbb",), {"bundle": "id1"}),
        Node("p" * 64, "made", "PushedModel v1", ("ppp",)),
    )
    return Lineage(nodes, (Edge("d" * 64, "b" * 64, "data"), Edge("b" * 64, "p" * 64, "bundle")))


def _rollout(name, bundle):
    base = {"id": name, "bundle": bundle, "model": "m", "version": "v1", "strategy": "canary", "state": "complete"}
    stages = [{"devices": 2, "committed": 1}]
    return {**base, "stage": 1, "stages": stages, "created_ms": 0, "created_by": "anna", "reason": ""}


def _device(name, site, running):
    return {"id": name, "site": site, "line": "l1", "running": running, "status": "online", "state": "serving"} | {
        "running_release": 1
    }


def test_rollouts_and_devices_of_the_bundle_join_by_site(graph):
    devices = [_device("a", "north", "id1"), _device("b", "north", "id1"), _device("c", "south", "other")]
    found = with_fleet(graph, [_rollout("r1", "id1"), _rollout("r2", "other")], devices)
    assert [node.title for node in found.nodes[3:]] == ["Rollout r1", "2 devices"]
    assert found.nodes[3].lines[-1] == "complete · 1 of 2 devices committed"
    assert found.edges[2:] == (
        Edge("p" * 64, "rollout-r1", "rolled out"),
        Edge("rollout-r1", "site-north", "runs on"),
    )
    assert with_fleet(graph, [], devices).edges[2:] == (Edge("p" * 64, "site-north", "runs on"),)


def test_the_drawing_is_valid_svg_with_every_node_and_edge(graph):
    drawing = draw(graph, "b" * 64)
    root = ElementTree.fromstring(drawing.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1))
    names = [element.attrib["data-id"] for element in root.iter() if "data-id" in element.attrib]
    assert names == [node.id for node in graph.nodes]
    assert sum("data-from" in element.attrib for element in root.iter()) == 2
    assert "3 pictures <of> 1 parts" in "".join(root.itertext())
    assert 'class="node made asked"' in drawing
