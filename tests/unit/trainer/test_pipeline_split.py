import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.data.split import asked_for, assign, assign_by_part, assign_together, by_hash, torn

SHARES = {"eval": 0.2, "test": 0.2}
PARTS = {f"p{i}": ("ok" if i % 3 else "scratch") for i in range(60)}


def test_every_label_is_spread_over_all_splits():
    split = assign(PARTS, {}, SHARES)
    for label in ("ok", "scratch"):
        assert {split[part] for part, its in PARTS.items() if its == label} == {"train", "eval", "test"}
    assert sum(where == "test" for where in split.values()) == 12


def test_the_order_of_parts_does_not_matter():
    assert assign(dict(reversed(PARTS.items())), {}, SHARES) == assign(PARTS, {}, SHARES)


def test_another_salt_gives_another_split():
    assert assign(PARTS, {}, SHARES, "x") != assign(PARTS, {}, SHARES, "y")


def test_parts_once_held_out_stay_held_out_when_others_join():
    before = assign(PARTS, {}, SHARES)
    more = {**PARTS, **{f"new{i}": "ok" for i in range(30)}}
    after = assign(more, before, SHARES)
    assert {part: after[part] for part in PARTS} == before
    assert {after[f"new{i}"] for i in range(30)} == {"train", "eval", "test"}


def test_a_label_of_two_parts_trains_only():
    assert set(assign({"a": "rare", "b": "rare"}, {}, {"eval": 0.2, "test": 0.2}).values()) == {"train"}


@given(st.dictionaries(st.text(min_size=1, max_size=4), st.sampled_from(["ok", "pit", "dent"]), max_size=60))
def test_every_part_has_exactly_one_split_and_three_of_a_label_suffice_for_all(labels):
    split = assign(labels, {}, SHARES)
    assert set(split) == set(labels)
    for label in set(labels.values()):
        own = [split[part] for part, its in labels.items() if its == label]
        if len(own) >= 3:
            assert set(own) == {"train", "eval", "test"}


@pytest.mark.fault("T08")
def test_a_part_asked_into_two_splits_is_named():
    wishes = [("p1", "train"), ("p1", "test"), ("p1", "test"), ("p2", ""), ("p3", "eval"), ("p3", "")]
    assert torn(wishes) == ["p1"]
    assert asked_for(wishes) == {"p1": "test", "p3": "eval"}


def test_wishes_are_kept():
    assert asked_for([("p1", "test"), ("p1", "test"), ("p2", "")]) == {"p1": "test"}


def test_parts_that_only_measure_never_train_however_many_they_are():
    wishes = asked_for([(part, "test") for part in PARTS])
    assert set(assign(PARTS, wishes, SHARES).values()) == {"test"}


def test_parts_that_are_one_thing_go_one_way_as_one_part_of_their_rarest_label():
    group = {"p0": "p0", "p1": "p0", "p2": "p0", "p6": "p6", "p9": "p6"}
    split = assign_together(PARTS, {}, SHARES, "", group)
    assert set(split) == set(PARTS)
    assert split["p0"] == split["p1"] == split["p2"]
    assert split["p6"] == split["p9"]
    for label in ("ok", "scratch"):
        assert {split[part] for part, its in PARTS.items() if its == label} == {"train", "eval", "test"}
    assert assign_together(PARTS, {}, SHARES, "x", {}) == assign(PARTS, {}, SHARES, "x")


def test_a_part_that_is_kept_takes_the_others_of_its_group_with_it():
    group = dict.fromkeys(("p0", "p1", "p2", "p3"), "p0")
    assert {assign_together(PARTS, {"p2": where}, SHARES, "", group)["p0"] for where in ("eval", "test")} == {
        "eval",
        "test",
    }
    torn_apart = assign_together(PARTS, {"p0": "train", "p1": "test", "p2": "test"}, SHARES, "", group)
    assert [torn_apart[part] for part in ("p0", "p1", "p2", "p3")] == ["train", "test", "test", "test"]


@given(
    st.dictionaries(st.sampled_from(sorted(PARTS)), st.sampled_from(["a", "b", "c"]), max_size=30),
    st.text(max_size=3),
)
def test_no_group_is_torn_apart(group, salt):
    split = assign_together(PARTS, {}, SHARES, salt, group)
    for name in set(group.values()):
        assert len({split[part] for part, its in group.items() if its == name}) == 1


def test_a_split_by_the_hash_alone_depends_on_nothing_else_and_meets_the_shares():
    split = {f"p{i}": by_hash(f"p{i}", SHARES, "") for i in range(5000)}
    counts = {name: sum(where == name for where in split.values()) for name in ("train", "eval", "test")}
    assert counts["eval"] == pytest.approx(1000, abs=90)
    assert counts["test"] == pytest.approx(1000, abs=90)
    assert by_hash("p1", {"eval": 0, "test": 0}, "") == "train"
    assert any(by_hash(part, SHARES, "x") != where for part, where in split.items())


def test_whole_parts_by_their_hash_keep_those_that_were_split_before():
    group = {"p1": "g", "p2": "g"}
    split = assign_by_part(PARTS, {"p3": "test", "p4": "elsewhere"}, SHARES, "s", group)
    assert split["p3"] == "test"
    assert split["p1"] == split["p2"] == by_hash("g", SHARES, "s")
    assert split["p4"] == by_hash("p4", SHARES, "s")
