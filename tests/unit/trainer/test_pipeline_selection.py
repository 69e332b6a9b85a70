import pytest

from edge_agent.contracts.errors import ConfigError
from trainer.pipeline.graph import build_graph
from trainer.pipeline.runs import RunRecord, unfinished
from trainer.pipeline.selection import Role, Selection, ancestors, roles
from trainer.pipeline.step import Step
from trainer.resume import epochs_done

INPUTS = {"A": ("data",), "B": ("A.out",), "C": ("A.out",), "D": ("B.out", "C.out"), "E": ("D.out",)}


@pytest.fixture
def graph():
    steps = [Step(n, "m:f", {f"i{k}": ref for k, ref in enumerate(refs)}, {"out": "T"}) for n, refs in INPUTS.items()]
    return build_graph("g", steps, ["data"])


def _split(graph, **chosen):
    found = roles(graph, Selection(**chosen))
    return tuple("".join(name for name in found if found[name] is role) for role in Role)


@pytest.mark.parametrize(
    ("chosen", "run", "stored", "left"),
    [
        ({}, "ABCDE", "", ""),
        ({"begin": "B"}, "BDE", "AC", ""),
        ({"end": "B"}, "AB", "", "CDE"),
        ({"begin": "B", "end": "D"}, "BD", "AC", "E"),
        ({"only": ("C",)}, "C", "A", "BDE"),
        ({"only": ("A", "E")}, "AE", "BCD", ""),
    ],
)
def test_each_step_is_run_taken_from_the_store_or_left_out(graph, chosen, run, stored, left):
    assert _split(graph, **chosen) == (run, stored, left)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"begin": "X"}, "no step 'X'; the steps are A, B"),
        ({"only": ("B",), "end": "D"}, "--only cannot be given together"),
        ({"begin": "D", "end": "B"}, "no step lies between --from D and --to B"),
    ],
)
def test_a_selection_that_makes_no_sense_is_told(graph, chosen, said):
    with pytest.raises(ConfigError, match=said):
        roles(graph, Selection(**chosen))


def test_ancestors_are_all_that_a_step_depends_on(graph):
    assert ancestors(graph, ["D"]) == {"A", "B", "C"}
    assert ancestors(graph, ["A"]) == set()


def _run(name, state, **arguments):
    return RunRecord(name, "p", 0, state=state, arguments={"folders": [], "taken": 0, **arguments})


def test_the_last_run_that_did_not_finish_is_gone_on_with():
    killed, other = _run("r1", "failed", recipe="a"), _run("r2", "failed", recipe="b")
    assert unfinished([other, killed]) is other
    assert unfinished([_run("r3", "done", recipe="c"), other, killed]) is other
    assert unfinished([]) is None


def test_a_run_that_a_later_one_brought_to_an_end_is_finished():
    killed = _run("r1", "failed", recipe="a", taken=1)
    assert unfinished([_run("r2", "done", recipe="a", taken=2), killed]) is None
    assert unfinished([_run("r2", "running", recipe="b"), killed]).run == "r2"


def test_finished_epochs_are_read_from_the_steps_scratch_folder(tmp_path):
    assert epochs_done(tmp_path) == 0
    (tmp_path / "epochs.jsonl").write_text('{"number": 1}\n{"number": 2}\n{"numb')
    assert epochs_done(tmp_path) == 2
