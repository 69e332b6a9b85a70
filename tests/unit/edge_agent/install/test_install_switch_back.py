"""The way back at the station, the model before held warm, and a share of the parts that outlives restarts."""

from __future__ import annotations

import json

import pytest

from edge_agent.contracts.messages import Probation, Strategy
from edge_agent.contracts.states import UpdateState
from edge_agent.install.record import SWITCH_BACK
from edge_agent.install.slots import read_slots
from tests.simulators.installing import Installer
from tests.simulators.made_up import RECIPE, made_up_bundle

S = UpdateState
LONG = Probation(seconds=3600, parts=1)


@pytest.fixture
def releases(registry, tmp_path):
    """Two releases of one model."""
    first, second = (made_up_bundle(tmp_path / "made", version, model=version.encode()) for version in ("1", "2"))
    return registry.publish(first, 1), registry.publish(second, 2)


@pytest.fixture
def device(registry, releases, tmp_path):
    """A station that runs the first release."""
    made = Installer(tmp_path / "home", registry.url, registry.root_dict())
    made.offer(releases[0])
    made.work()
    return made


def again(device: Installer, registry) -> Installer:
    """The same station after its uplink was started anew."""
    device.close()
    found = Installer(device.home.root, registry.url, registry.root_dict(), boot=device.boot)
    found.updater.resume()
    return found


def ask_back(device: Installer, bundle: str) -> None:
    wish = json.dumps({"bundle": bundle, "who": "Ida", "why": "too many rejects"})
    with device.database.transaction():
        device.database.run("set_meta", key=SWITCH_BACK, value=wish)


@pytest.mark.parametrize("probation", [LONG, Probation(seconds=0, parts=0)])
def test_the_station_goes_back_when_somebody_asks_on_probation_and_after_it(device, releases, probation):
    first, second = releases
    device.offer(second, 2, strategy=Strategy.BLUE_GREEN, probation=probation)
    device.work(until=S.PROBATION if probation is LONG else S.COMMITTED)
    assert device.hot.running == second.bundle
    ask_back(device, second.bundle)
    record = device.work(until=S.ROLLED_BACK)
    assert record.reason == "switched back at the station by Ida: too many rejects"
    slots = read_slots(device.home.root)
    assert (slots.active, slots.last_good, device.hot.running) == (first.bundle, first.bundle, first.bundle)
    assert device.journal.banned() == frozenset(), "the fleet may offer it again"
    assert device.journal.switch_back() is None


def test_a_wish_about_another_model_is_forgotten(device, releases):
    first, second = releases
    ask_back(device, second.bundle)
    device.updater.step()
    assert device.journal.switch_back() is None
    device.offer(second, 2)
    assert device.work().state is S.COMMITTED
    ask_back(device, first.bundle)
    device.updater.step()
    assert (device.updater.record.state, device.hot.running) == (S.COMMITTED, second.bundle)


def test_the_first_model_of_a_station_has_none_to_go_back_to(device, releases):
    ask_back(device, releases[0].bundle)
    device.updater.step()
    assert (device.updater.record.state, device.hot.running) == (S.COMMITTED, releases[0].bundle)


def test_another_strategy_asks_the_hot_process_to_hold_nothing(device, releases):
    device.offer(releases[1], 2)
    device.work()
    device.updater.step()
    assert device.hot.warm == []


def test_blue_green_holds_the_old_model_and_again_after_each_start_of_the_hot_process(device, releases):
    first, second = releases
    device.offer(second, 2, strategy=Strategy.BLUE_GREEN)
    assert device.work().state is S.COMMITTED
    device.updater.step()
    assert device.hot.warm == [first.bundle]
    device.updater.step()
    assert device.hot.warm == [first.bundle]
    device.updater.hear({"kind": "started"})
    device.updater.step()
    assert device.hot.warm == [first.bundle] * 2


def test_a_share_of_the_parts_outlives_restarts_and_grows_by_a_newer_order(device, registry, releases):
    first, second = releases
    device.offer(second, 2, strategy=Strategy.SHADOW, parts_share=0.05)
    device.work(until=S.SHADOW)
    device.updater.step()
    assert (device.hot.beside, device.hot.share, device.hot.running) == (second.bundle, 0.05, first.bundle)
    device = again(device, registry)
    device.updater.step()
    assert (device.updater.record.state, device.hot.beside, device.hot.share) == (S.SHADOW, second.bundle, 0.05)

    device.offer(second, 3, strategy=Strategy.SHADOW, parts_share=0.2)
    device.updater.step()
    device.updater.step()
    assert (device.updater.record.state, device.hot.share) == (S.SHADOW, 0.2)
    device.offer(second, 4)
    assert device.work().state is S.COMMITTED
    assert (device.hot.beside, device.hot.running) == (None, second.bundle)


def test_a_challenger_for_other_parts_is_refused_a_share_before_it_is_downloaded(device, registry, tmp_path):
    other = made_up_bundle(tmp_path / "other", "9", model=b"9", recipe=RECIPE.model_copy(update={"name": "cap"}))
    ref = registry.publish(other, 3)
    device.offer(ref, 2, strategy=Strategy.SHADOW, parts_share=0.05)
    record = device.work()
    assert record.state is S.REJECTED
    assert "another product" in record.reason
    assert not device.home.bundle(ref.bundle).exists()
    device.offer(ref, 3, strategy=Strategy.SHADOW)
    device.work(until=S.SHADOW)
    device.offer(ref, 4, strategy=Strategy.SHADOW, parts_share=0.05)
    record = device.work(until=S.REJECTED)
    assert "another product" in record.reason
    assert device.hot.beside is None
    assert device.journal.banned() == frozenset()
