"""Models of several products on one device: what is in force is changed by a part's proof, what rests without one."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.contracts.messages import Probation, Strategy
from edge_agent.contracts.states import UpdateState
from edge_agent.install.slots import Pointer
from tests.simulators.installing import Installer
from tests.simulators.made_up import made_up_bundle

S = UpdateState
RECIPES = frozenset({"plate", "bolt"})
WATCHED = Probation(seconds=0, parts=3, errors_max=1)


@pytest.fixture
def models(registry, tmp_path):
    """Two releases of `plate` and one of `bolt`."""
    made = [("plate", "1"), ("plate", "2"), ("bolt", "1"), ("nut", "1")]
    bundles = [made_up_bundle(tmp_path / "made", version, name, f"{name}{version}".encode()) for name, version in made]
    return [registry.publish(bundle, int(version)) for bundle, (_, version) in zip(bundles, made, strict=True)]


@pytest.fixture
def device(registry, tmp_path, models) -> Installer:
    device = Installer(tmp_path / "home", registry.url, registry.root_dict(), recipes=RECIPES)
    device.offer(models[0], 1)
    assert device.work().state is S.COMMITTED
    return device


def pointer(device: Installer) -> Pointer:
    return Pointer(device.home.root, RECIPES)


def test_a_model_for_a_recipe_that_rests_is_installed_and_nothing_changes_on_the_line(device, models):
    plate, _, bolt, _ = models
    device.offer(bolt, 2, probation=WATCHED)
    record = device.work()
    assert (record.state, "not in force" in record.reason) == (S.COMMITTED, True)
    assert device.hot.running == plate.bundle
    assert (pointer(device).read().active, pointer(device).of("bolt").active) == (plate.bundle, bolt.bundle)
    device.updater.step()
    assert pointer(device).of("bolt").last_good == bolt.bundle
    assert {path.name for path in device.home.bundles.iterdir()} == {plate.bundle, bolt.bundle}


def test_one_for_the_recipe_in_force_needs_its_parts_as_ever(device, models):
    device.offer(models[2], 2)
    device.work()
    device.offer(models[1], 3, probation=WATCHED)
    device.work(S.PROBATION)
    assert device.hot.running == models[1].bundle
    device.judge(models[1].bundle, 3)
    assert device.work().state is S.COMMITTED
    assert pointer(device).of("bolt").active == models[2].bundle


def test_a_changeover_in_the_middle_of_a_probation_ends_it(device, models):
    device.offer(models[2], 2)
    device.work()
    device.offer(models[1], 3, probation=WATCHED)
    device.work(S.PROBATION)
    device.judge(models[1].bundle, 1)
    pointer(device).choose("bolt")
    record = device.work()
    assert (record.state, record.reason.endswith("; 1 parts, 0 model errors")) == (S.COMMITTED, True)


@pytest.mark.parametrize(
    ("model", "more", "words"), [(3, {}, "this station makes bolt, plate"), (2, "shadow", "beside")]
)
def test_what_is_not_for_this_station_is_refused(device, models, model: int, more: Any, words: str):
    device.offer(models[model], 2, **({"strategy": Strategy.SHADOW} if more else {}))
    record = device.work()
    assert record.state is S.REJECTED
    assert words in record.reason


def test_back_to_the_model_of_before_while_another_recipe_is_in_force(device, models):
    plate, second, bolt, _ = models
    device.offer(bolt, 2)
    device.work()
    device.offer(second, 3)
    device.work()
    pointer(device).choose("bolt")
    device.judge(second.bundle, 3)
    device.offer(plate.model_copy(update={"release": 3}), 4)
    assert device.work().state is S.REJECTED, "no such release was signed"
    assert pointer(device).of("plate").active == second.bundle
