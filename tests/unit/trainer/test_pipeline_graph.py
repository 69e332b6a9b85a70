import pytest

from edge_agent.contracts.errors import ConfigError
from trainer.pipeline.graph import build_graph, dependants
from trainer.pipeline.step import Step


def _step(name, inputs=None, outputs=("out",)):
    return Step(name, f"toy:{name}", inputs or {}, dict.fromkeys(outputs, "Examples"))


def test_steps_are_ordered_by_their_inputs_whatever_order_they_are_given_in():
    steps = [_step("C", {"x": "B.out"}), _step("B", {"x": "A.out"}), _step("A", {"x": "data"})]
    assert [step.name for step in build_graph("g", steps, ["data"]).steps] == ["A", "B", "C"]


def test_an_input_that_nobody_makes_is_named():
    with pytest.raises(ConfigError, match=r"A: input 'x' is 'Z\.out'"):
        build_graph("g", [_step("A", {"x": "Z.out"})], [])


def test_a_circle_is_refused():
    with pytest.raises(ConfigError, match="circle: A, B"):
        build_graph("g", [_step("A", {"x": "B.out"}), _step("B", {"x": "A.out"})], [])


def test_two_steps_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="two steps are named 'A'"):
        build_graph("g", [_step("A"), _step("A")], [])


def test_an_unknown_step_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match="the steps are A"):
        build_graph("g", [_step("A")], []).step("B")


def test_dependants_are_direct_and_indirect():
    steps = [_step("A"), _step("B", {"x": "A.out"}), _step("C", {"x": "B.out"}), _step("D")]
    assert dependants(build_graph("g", steps, []), "A") == {"B", "C"}


def test_a_source_that_reads_like_an_output_is_refused():
    with pytest.raises(ConfigError, match=r"the source 'Data\.rows' has a dot in its name"):
        build_graph("g", [Step("A", "m:f", {"rows": "Data.rows"}, {"made": "Model"})], ["Data.rows"])
