"""The pointer to the bundle in use."""

from __future__ import annotations

import json

import pytest

from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.install.slots import Pointer, Slots, prune, read_slots, write_slots

A, B, C = "a" * 64, "b" * 64, "c" * 64


def test_a_life_of_the_pointer():
    first = Slots().activated(A, 1).committed()
    assert (first.active, first.previous, first.last_good) == (A, None, A)
    second = first.activated(B, 2)
    assert (second.active, second.previous, second.last_good) == (B, A, A)
    assert second.activated(B, 2) == second
    assert second.reverted(B) == first
    done = second.committed()
    assert (done.active, done.previous, done.last_good, done.releases) == (B, A, B, {A: 1, B: 2})
    third = done.activated(C, 3)
    assert third.kept == {B, C}
    assert third.releases == {B: 2, C: 3}


def test_a_committed_model_that_falls_back_later_is_no_longer_the_last_good_one():
    slots = Slots().activated(A, 1).committed().activated(B, 2).committed().reverted(B)
    assert (slots.active, slots.previous, slots.last_good) == (A, None, A)


def test_reverting_the_first_model_leaves_none():
    slots = Slots().activated(A, 1).reverted(A)
    assert slots == Slots()


def test_the_file_is_read_as_it_was_written_and_a_missing_one_is_empty(tmp_path):
    assert read_slots(tmp_path) == Slots()
    write_slots(tmp_path, Slots().activated(A, 7))
    assert read_slots(tmp_path) == Slots(active=A, releases={A: 7})
    assert [path.name for path in tmp_path.iterdir()] == ["slots.json"]


def test_a_damaged_pointer_is_an_error_that_names_the_file(tmp_path):
    (tmp_path / "slots.json").write_text("{")
    with pytest.raises(ConfigError, match=r"slots\.json: cannot be read"):
        read_slots(tmp_path)


def test_pruning_keeps_what_is_named_and_removes_the_half_downloaded(tmp_path):
    for name in (A, B, f".staging-{A}", f".staging-{C}"):
        (tmp_path / "bundles" / name / "blobs").mkdir(parents=True)
    removed = prune(tmp_path, frozenset({A}))
    assert sorted(removed) == [f".staging-{C}", B]
    assert sorted(p.name for p in (tmp_path / "bundles").iterdir()) == [f".staging-{A}", A]


def test_the_slots_of_each_recipe_stay_while_another_is_in_force():
    tiles = Slots(recipe="tiles").activated(A, 1).committed()
    both = tiles.turned("leather").activated(B, 1).turned("tiles")
    assert (both.recipe, both.active, both.resting["leather"].active) == ("tiles", A, B)
    assert both.kept == {A, B}
    assert both.releases == {A: 1, B: 1}
    assert both.turned("leather").turned("tiles") == both
    assert both.alone() == tiles.alone()


def test_a_stations_first_model_is_in_force_and_later_ones_of_other_recipes_rest(tmp_path):
    pointer = Pointer(tmp_path, frozenset({"tiles", "leather"}))
    pointer.change("tiles", lambda slots: slots.activated(A, 1))
    pointer.change("leather", lambda slots: slots.activated(B, 2).committed())
    assert (pointer.read().recipe, pointer.read().active) == ("tiles", A)
    assert (pointer.of("leather").active, pointer.of("leather").last_good) == (B, B)
    assert [pointer.rests(name) for name in ("tiles", "leather")] == [False, True]
    pointer.choose("leather")
    assert (read_slots(tmp_path).recipe, read_slots(tmp_path).active) == ("leather", B)
    pointer.change("tiles", lambda slots: slots.activated(C, 3))
    assert (pointer.of("tiles").active, pointer.of("tiles").previous, pointer.read().active) == (C, A, B)
    with pytest.raises(Rejected, match="this station makes leather, tiles"):
        pointer.admit("wood")


def test_a_station_of_one_product_writes_the_file_that_older_agents_read(tmp_path):
    Pointer(tmp_path).change("tiles", lambda slots: slots.activated(A, 1))
    Pointer(tmp_path).change("leather", lambda slots: slots.activated(B, 1))
    assert set(json.loads((tmp_path / "slots.json").read_bytes())) == {"active", "previous", "last_good", "releases"}
    assert Pointer(tmp_path).of("leather").previous == A


def test_a_station_that_makes_more_products_from_now_on_knows_which_its_model_is_of(tmp_path):
    write_slots(tmp_path, Slots().activated(A, 1).committed())
    (tmp_path / "bundles" / A).mkdir(parents=True)
    (tmp_path / "bundles" / A / "manifest.json").write_text('{"name": "tiles"}')
    pointer = Pointer(tmp_path, frozenset({"tiles", "leather"}))
    pointer.change("leather", lambda slots: slots.activated(B, 1))
    assert (pointer.read().recipe, pointer.read().active, pointer.of("leather").active) == ("tiles", A, B)
    pointer.choose("leather")
    assert Pointer(tmp_path).read() == Slots(active=B, releases={B: 1}), "and back to one product: the one made last"
