import pytest

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.topics import UP, Address, Channel, fleet_filter, parse


def test_a_topic_names_site_device_and_channel():
    address = Address("plant-1", "station.07")
    assert address.topic(Channel.EVENT) == "lineside/v1/plant-1/station.07/event"
    assert parse(address.topic(Channel.EVENT)) == (address, Channel.EVENT)


@pytest.mark.parametrize("name", ["", "+", "#", "a/b", "..", "A", "x" * 64, "a b", "-a"])
def test_no_level_can_widen_a_subscription(name: str):
    with pytest.raises(Rejected, match="no site or device name"):
        Address("plant", name)


@pytest.mark.parametrize("topic", ["lineside/v2/s/d/event", "lineside/v1/s/d", "lineside/v1/s/d/nothing", "x"])
def test_foreign_topics_are_rejected(topic: str):
    with pytest.raises(Rejected):
        parse(topic)


def test_states_are_retained_and_facts_are_not():
    retained = {channel for channel in Channel if channel.retained}
    assert retained == {Channel.DESIRED, Channel.REPORTED, Channel.PRESENCE}
    assert Channel.HEALTH.qos == 0
    assert [fleet_filter(c) for c in UP if c is Channel.WINDOW] == ["lineside/v1/+/+/window"]
