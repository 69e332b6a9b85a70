"""What must hold of every rollout, whatever the fleet looks like and whatever its devices say."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.contracts.bounds import upper_bound
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.states import UpdateState
from fleet.rollout.gates import Gate, Move, Verdict, decide, excess, health_gate, install_gate
from fleet.rollout.plan import Candidate, assign, can_prove, draw, share, stage_names, stage_sizes
from fleet.rollout.transitions import (
    FAILURES,
    ROLLOUT_TABLE,
    Action,
    DeviceStatus,
    Place,
    RolloutState,
    Sighting,
    after_action,
    observe,
    overdue,
)

D = DeviceStatus
fleets = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("12"), st.sampled_from("xy"), st.booleans()),
    min_size=1,
    max_size=120,
).map(lambda rows: [Candidate(f"d{i}", *row) for i, row in enumerate(rows)])


@given(fleets, st.integers(0, 99), st.sampled_from(["1", "5%", "20%", "30%", "100%"]))
def test_every_device_is_in_exactly_one_stage_and_sizes_are_kept(fleet, seed, canary):
    sizes = stage_sizes(stage_names(canary, None, len(fleet)), len(fleet))
    order = draw(fleet, random.Random(seed))
    stages = assign(order, sizes)
    assert sorted(stages) == sorted(device.id for device in fleet)
    per_stage = Counter(stages.values())
    assert [per_stage[i] for i in range(len(sizes))] == [b - a for a, b in zip([0, *sizes], sizes, strict=False)]


@given(fleets, st.integers(0, 99), st.integers(1, 40))
def test_every_beginning_holds_each_stratum_by_its_share(fleet, seed, size):
    online = [device for device in fleet if device.online]
    chosen = set(draw(fleet, random.Random(seed))[: min(size, len(online))])
    strata = Counter((d.site, d.line, d.device_class) for d in online)
    drawn = Counter((d.site, d.line, d.device_class) for d in online if d.id in chosen)
    assert len(chosen - {d.id for d in online}) == 0
    for stratum, members in strata.items():
        fair = len(chosen) * members / len(online)
        assert abs(drawn[stratum] - fair) <= 1 + len(strata) / 2


@given(fleets, st.integers(0, 99))
def test_the_same_seed_draws_the_same_canary(fleet, seed):
    assert draw(fleet, random.Random(seed)) == draw(list(reversed(fleet)), random.Random(seed))


@given(st.integers(1, 500), st.integers(0, 20))
def test_the_bound_is_what_the_exact_binomial_says(n, failures):
    bound = upper_bound(failures, n, 0.95)
    if failures >= n:
        assert bound == 1.0
        return
    tail = sum(math.comb(n, k) * bound**k * (1 - bound) ** (n - k) for k in range(failures + 1))
    assert tail == pytest.approx(0.05, abs=1e-6)
    if failures == 0 and n >= 30:
        assert bound == pytest.approx(3 / n, rel=0.06)


def test_what_one_canary_can_prove_is_little_and_said_so():
    proof = can_prove(1, 20)
    assert proof["failure_rate_below"] == 0.95
    assert "1 of 20 devices" in proof["text"]


sightings = st.builds(
    Sighting,
    generation=st.integers(0, 4),
    state=st.sampled_from(UpdateState),
    running=st.sampled_from([None, "old", "new"]),
    whole=st.booleans(),
)


@given(st.lists(sightings, max_size=30))
def test_committed_is_only_said_of_devices_that_run_the_target(seen):
    place = Place(D.OFFERED, 2, "new")
    for sighting in seen:
        after = observe(place, sighting)
        if after is D.COMMITTED and place.status is not D.COMMITTED:
            assert sighting.whole
            assert (sighting.running, sighting.state, sighting.generation) == ("new", UpdateState.COMMITTED, 2)
        if place.status is D.COMMITTED:
            assert after in (D.COMMITTED, D.REVERTED)
        if sighting.generation != 2:
            assert after is place.status
        place = Place(after, 2, "new")


@given(st.lists(sightings, max_size=30))
def test_seeing_the_same_again_changes_nothing(seen):
    place = Place(D.OFFERED, 2, "new")
    for sighting in seen:
        once = observe(place, sighting)
        assert observe(Place(once, 2, "new"), sighting) is once
        place = Place(once, 2, "new")


@given(st.sampled_from(D), sightings)
def test_who_was_never_asked_or_is_out_of_it_stays_so(status, sighting):
    if status in (D.PENDING, D.CANCELLED, D.RESTORED):
        assert observe(Place(status, 2, "new"), sighting) is status


@given(st.sampled_from(D), st.integers(0, 100), st.booleans())
def test_silence_fails_only_those_who_wait(status, waited, was_there):
    after = overdue(status, waited, 50, was_there)
    if status in (D.OFFERED, D.INSTALLING) and waited >= 50:
        assert after is (D.TIMED_OUT if was_there else D.UNREACHABLE)
    else:
        assert after is status


counts = st.dictionaries(st.sampled_from(D), st.integers(0, 60))


@given(counts, st.floats(0, 0.5))
def test_an_install_gate_passes_only_when_all_settled_and_few_failed(numbers, limit):
    gate = install_gate(numbers, limit)
    failed = sum(numbers.get(status, 0) for status in FAILURES)
    waiting = numbers.get(D.OFFERED, 0) + numbers.get(D.INSTALLING, 0)
    committed = numbers.get(D.COMMITTED, 0)
    if gate.verdict is Verdict.PASS:
        assert waiting == 0
        assert committed > 0
        assert failed <= limit * (failed + committed)
    if failed and failed > limit * (failed + waiting + committed) + 1e-9:
        assert gate.verdict is Verdict.FAIL


@given(
    st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)),
    st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)),
)
def test_a_health_gate_never_passes_on_what_is_missing_or_no_number(failures, n):
    gate = health_gate(failures, n, 20, 0.02)
    if (
        failures is None
        or n is None
        or not math.isfinite(failures)
        or not math.isfinite(n)
        or (n < 20 and failures <= 0)
    ):
        assert gate.verdict is Verdict.HOLD


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 10_000))
def test_looking_after_every_part_raises_few_false_alarms(seed):
    rng, limit, alarms = random.Random(seed), 0.02, 0
    for _ in range(200):
        failed = 0
        for n in range(1, 301):
            failed += rng.random() < limit
            if excess(failed, n, limit) >= 20:
                alarms += 1
                break
    assert alarms <= 20  # 5 % of 200 are expected at most; 20 is five standard deviations above


def test_a_broken_model_is_found_after_few_parts():
    assert health_gate(6, 10, 20, 0.02).verdict is Verdict.FAIL
    assert health_gate(0, 20, 20, 0.02).verdict is Verdict.PASS
    assert health_gate(1, 20, 20, 0.02).verdict is Verdict.HOLD


gates = st.sampled_from(Verdict).map(lambda verdict: Gate("g", verdict, "because"))


@given(gates, gates, st.integers(-1000, 1000), st.booleans())
def test_nothing_moves_on_unless_every_gate_passed(install, health, soak, last):
    move = decide(install, health, soak, last).move
    if Verdict.FAIL in (install.verdict, health.verdict):
        assert move is Move.ABORT
    if move is Move.NEXT_STAGE:
        assert (install.verdict, health.verdict, last) == (Verdict.PASS, Verdict.PASS, False)
        assert soak <= 0
    if move is Move.COMPLETE:
        assert install.verdict is Verdict.PASS
        assert last


@given(st.sampled_from(RolloutState), st.lists(st.sampled_from(Action), max_size=12))
def test_an_aborted_rollout_stays_aborted(state, actions):
    aborted = False
    for action in actions:
        if (state, action) in ROLLOUT_TABLE:
            state = after_action(state, action)
        else:
            with pytest.raises(Rejected, match="possible"):
                after_action(state, action)
        aborted = aborted or state is RolloutState.ABORTED
        assert not aborted or state is RolloutState.ABORTED


@pytest.mark.parametrize("text", ["0", "0%", "101%", "-1", "five", "1.5", ""])
def test_a_share_that_means_nothing_is_refused(text):
    with pytest.raises(Rejected, match="no share"):
        share(text, 20)


def test_shares_round_up_and_stages_must_grow():
    assert share("5%", 20) == 1
    assert share("5%", 21) == 2
    assert share("3", 2) == 2
    assert stage_sizes(["5%", "25%", "100%"], 3) == [1, 3]
    assert stage_sizes(["5%", "25%"], 100) == [5, 25, 100]
    with pytest.raises(Rejected, match="grow"):
        stage_sizes(["50%", "5%"], 100)
    with pytest.raises(Rejected, match="no device"):
        stage_sizes(["5%"], 0)
