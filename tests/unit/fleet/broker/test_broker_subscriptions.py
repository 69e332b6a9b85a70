"""The embedded broker's subscriptions may change while a message is on its way to them."""

from __future__ import annotations

from fleet.broker.embedded import _Steady


def test_a_loop_over_the_subscriptions_survives_a_new_one() -> None:
    found = _Steady({"a/#": 1, "b/#": 2})
    names, pairs = [], []
    for name in found:
        names.append(name)
        found["c/#"] = 3
    for name, value in found.items():
        pairs.append((name, value))
        found.pop("a/#", None)
    assert names == ["a/#", "b/#"]
    assert pairs == [("a/#", 1), ("b/#", 2), ("c/#", 3)]
    assert dict(found) == {"b/#": 2, "c/#": 3}
