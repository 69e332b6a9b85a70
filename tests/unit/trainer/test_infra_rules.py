import numpy as np
import pytest

from trainer.delivery.infra_rules import Found, Limits, Parity, parity, problems

LIMITS = Limits(flipped_max=0.05, p50_ms=200.0)


@pytest.mark.fault("T20")
def test_a_variant_is_refused_for_each_thing_that_is_wrong():
    fine = Found("r", parity=Parity(0.01, 0, 32), p50_ms=5.0, p95_ms=900.0, memory_mb=900.0)
    assert problems(fine, LIMITS) == []
    turned = Parity(0.912, 5, 32, ("p1", "p2", "p3", "p4"))
    bad = Found("r", "golden picture differs", ("UNSUPPORTED_OP FlexErf at layer 'a'",), turned, 500.0, 600.0, 300.0)
    reasons = problems(bad, Limits(0.05, 200.0, 250.0, 100.0))
    assert [reason.split(":")[0] for reason in reasons] == [
        *("self-test failed", "operators", "parity", "latency", "latency", "memory")
    ]
    assert reasons[1].startswith("operators: UNSUPPORTED_OP FlexErf at layer 'a'")
    assert reasons[2].startswith(
        "parity: 5 of 32 answers change sides (largest difference 0.912), parts p1, p2, p3 and 1"
    )
    assert "p95 600.0 ms, allowed 250.0 ms" in reasons[4]
    assert all("\n" not in reason for reason in reasons)


def test_flipped_parts_are_named_once():
    device, source = np.asarray([0.4, 0.9, 0.6, 0.2]), np.asarray([0.6, 0.8, 0.4, 0.1])
    found = parity(device, source, ["a", "b", "a", "c"])
    assert (found.flipped, found.total, found.parts) == (2, 4, ("a",))
    assert found.max_diff == pytest.approx(0.2)
    assert parity(np.zeros(0), np.zeros(0), []) == Parity()


def test_an_answer_that_is_no_number_is_refused_however_many_may_flip():
    found = parity(np.asarray([np.nan, 0.1]), np.asarray([0.2, 0.1]), ["a", "b"])
    assert (found.unnumbered, found.parts, found.max_diff) == (1, ("a",), 0.0)
    assert "1 of 2 answers are no number" in problems(Found("r", parity=found), Limits(1.0, 1.0))[0]
    assert parity(np.asarray([np.nan]), np.asarray([0.2]), ["a"]).max_diff == 1.0
