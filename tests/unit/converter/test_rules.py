"""Gates, choice, targets and evaluation: values in, values out."""

import numpy as np
import pytest

from converter.child import unknown_operators
from converter.choose import Candidate, choose
from converter.evaluate import Truth, assess, label_indices, wilson
from converter.flatbuffer import Graph, Operator
from converter.gates import Limits, exceeds, failed_gates
from converter.targets import TARGETS, minimal_runtime, not_integer, op_problems
from edge_agent.contracts.errors import Rejected


def truth_of(labels, frames=2):
    return Truth(np.asarray(labels, np.int64), tuple(f"part-{k // frames}" for k in range(len(labels))))


def sure(labels, classes=3, strength=6.0):
    return np.eye(classes, dtype=np.float32)[np.asarray(labels)] * strength


LABELS = [0, 0, 1, 1, 0, 0, 2, 2] * 25


def test_a_perfect_copy_passes_every_gate(tiny_recipe):
    scores = sure(LABELS)
    worth = assess(scores, scores, truth_of(LABELS), tiny_recipe)
    assert worth.parity.max_diff == 0
    assert worth.accuracy.value == worth.recall.value == worth.parity.agreement == 1
    assert worth.recall.n == 100
    assert failed_gates("float32", worth, Limits()) == []
    assert 0 < worth.thresholds.accept_below <= worth.thresholds.reject_above <= 1
    assert worth.calibration_error < 0.05


def test_lost_defects_fail_the_recall_gate(tiny_recipe):
    source = sure(LABELS)
    worse = source.copy()
    worse[[2, 6, 10]] = sure([0, 0, 0])
    worth = assess(worse, source, truth_of(LABELS), tiny_recipe)
    assert worth.defects_lost == 3
    assert failed_gates("int8", worth, Limits()) == ["RECALL_DROP 3.0%>2.0%"]


def test_one_picture_alone_decides_nothing():
    assert not exceeds(1, 10, 0.02)
    assert exceeds(2, 10, 0.02)
    assert not exceeds(2, 100, 0.02)
    assert not exceeds(-5, 10, 0.02)


def test_parity_is_asked_of_float32_alone(tiny_recipe):
    source = sure(LABELS)
    near = source + np.array([0.5, 0, 0], np.float32)
    worth = assess(near, source, truth_of(LABELS), tiny_recipe)
    assert [reason.split()[0] for reason in failed_gates("float32", worth, Limits())] == ["PARITY"]
    assert failed_gates("float16", worth, Limits()) == []


def test_disagreement_and_lost_accuracy_are_gates(tiny_recipe):
    source, swapped = sure(LABELS), sure([2 if k == 1 else 1 if k == 2 else 0 for k in LABELS])
    worth = assess(swapped, source, truth_of(LABELS), tiny_recipe)
    reasons = [reason.split()[0] for reason in failed_gates("dynamic", worth, Limits())]
    assert reasons == ["AGREEMENT", "ACCURACY_DROP"]


def test_nan_scores_are_refused(tiny_recipe):
    scores = sure(LABELS)
    broken = scores.copy()
    broken[4, 1] = np.nan
    with pytest.raises(Rejected, match="not finite"):
        assess(broken, scores, truth_of(LABELS), tiny_recipe)


def test_every_stride_keeps_labels_and_parts_together():
    truth = truth_of([0, 0, 1, 1, 2, 2]).every(2)
    assert truth.labels.tolist() == [0, 1, 2]
    assert truth.parts == ("part-0", "part-1", "part-2")


def test_wilson_agrees_with_published_values():
    # Newcombe, Two-sided confidence intervals for the single proportion (1998), method 3: 81 of 263.
    interval = wilson(81, 263)
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 20).low == 0
    assert wilson(20, 20).high == pytest.approx(1.0)
    assert wilson(0, 0).n == 0


def test_unknown_labels_are_marked():
    assert label_indices(["ok", None, "pit", "rust"], ["ok", "pit"]).tolist() == [0, -1, 1, -1]


def test_the_fastest_that_passed_is_chosen_whatever_its_type():
    f32 = Candidate("float32", True, 2.0, 400, 1)
    int8 = Candidate("int8", True, 26.0, 100, 0)
    chosen = choose([f32, int8, Candidate("dynamic", False, 0.5, 120, 1)])
    assert chosen.id == "float32"
    assert "int8 takes 13.0x (0 delegated partitions)" in chosen.why
    assert choose([Candidate("int8", True, None, 1)]) is None


def test_equally_fast_variants_are_told_apart_by_size():
    assert choose([Candidate("float32", True, 2.0, 400, 1), Candidate("float16", True, 2.0, 200, 1)]).id == "float16"


def graph(*operators, inputs=("INT8",), outputs=("INT8",)):
    return Graph(operators, inputs, outputs)


CONV = Operator("CONV_2D", 3, False, "conv", ("INT8", "INT8", "INT32", "INT8"))


def test_integer_graphs_are_proven():
    assert not_integer(graph(CONV), "int8") == []
    add = Operator("ADD", 1, False, "sum", ("FLOAT32", "FLOAT32", "FLOAT32"))
    assert not_integer(graph(CONV, add), "int8") == ["ADD at 'sum'"]
    assert not_integer(graph(CONV, inputs=("FLOAT32",)), "int8") == ["input is FLOAT32"]


def test_sixteen_bit_graphs_may_have_floats_at_their_ends_only():
    ends = Operator("QUANTIZE", 1, False, "q", ("FLOAT32", "INT16"))
    conv = Operator("CONV_2D", 5, False, "conv", ("INT16", "INT8", "INT64", "INT16"))
    assert not_integer(graph(ends, conv, inputs=("FLOAT32",), outputs=("FLOAT32",)), "int16x8") == []
    assert not_integer(graph(ends, inputs=("FLOAT32",)), "int16x8") == ["no operator has int8 weights"]


def test_operators_are_compared_with_the_target():
    old, new = TARGETS["tflite-runtime-2.14"], TARGETS["ai-edge-litert-2"]
    wide = Operator("STABLEHLO_ADD", 1, False, "s", ("FLOAT32",))
    assert op_problems(graph(CONV), old) == []
    assert minimal_runtime(graph(CONV)) == old.name
    assert op_problems(graph(wide), new) == []
    assert minimal_runtime(graph(wide)) == new.name
    assert minimal_runtime(graph(Operator("MyOp", 1, True, "l", ()))) == ""


def test_operators_that_tflite_has_not_are_found_in_the_converter_s_words():
    place = (
        "error: loc(fused['UpperBound:', 'model/UpperBound']): 'tf.UpperBound' op is neither a custom op nor a flex op"
    )
    assert unknown_operators(f"{place} <unknown>:0: note: x {place.replace('Upper', 'Lower')} {place}") == [
        "UpperBound",
        "LowerBound",
    ]
    assert unknown_operators("illegal scale: INF") == []
