"""The plan of a simulation: spread evenly, the same each time, dark where it was asked for."""

from collections import Counter

import pytest

from edge_agent.contracts.errors import ConfigError
from fleet.simulate.plan import CLASSES, SITES, by_process, plan


def test_devices_are_spread_over_sites_lines_and_classes():
    planned = plan(24, SITES, CLASSES, "synthetic:?seed=1")
    assert len({one.device for one in planned}) == 24
    assert set(Counter(one.site for one in planned).values()) == {8}
    assert set(Counter((one.site, one.line) for one in planned).values()) == {4}
    assert set(Counter((one.site, one.line, one.device_class) for one in planned).values()) == {2}
    assert planned == plan(24, SITES, CLASSES, "synthetic:?seed=1")


@pytest.mark.parametrize(
    ("source", "dark"),
    [
        ("synthetic:?seed=1", "synthetic:?seed=1&brightness=0.6@30"),
        ("folder:///data", "folder:///data?brightness=0.6@30"),
        ("synthetic:?", "synthetic:?brightness=0.6@30"),
    ],
)
def test_only_the_dark_site_is_dark(source, dark):
    groups = by_process(plan(6, ("north", "south"), CLASSES, source, "0.6@30", ("south",)))
    assert {key: {one.site for one in members} for key, members in groups} == {
        source: {"north"},
        dark: {"south"},
    }
    assert [key for key, _ in by_process(plan(3, SITES, CLASSES, source, "0.6@30"))] == [dark]


def test_many_devices_are_shared_out_among_processes():
    groups = by_process(plan(450, SITES, CLASSES, "synthetic:?seed=1"))
    assert [len(members) for _, members in groups] == [200, 200, 50]
    assert len({one.device for _, members in groups for one in members}) == 450


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"devices": 0}, "1 to"),
        ({"brightness": "dark"}, "0.6@30"),
        ({"brightness": "0.6@1", "dark_sites": ("moon",)}, "moon"),
    ],
)
def test_what_makes_no_sense_is_said(changes, message):
    settings = {"devices": 3, "sites": SITES, "classes": CLASSES, "source": "synthetic:"} | changes
    with pytest.raises(ConfigError, match=message):
        plan(**settings)
