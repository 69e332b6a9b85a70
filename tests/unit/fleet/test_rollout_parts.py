"""Orders for a share of each station's parts, and what the stations' own counts add up to."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from edge_agent.contracts.counts import CANARY_COUNTS, canary_count
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.states import UpdateState
from fleet.cli import main
from fleet.rollout.orders import Order, parts_share
from fleet.rollout.parts import share_of, summed
from fleet.rollout.transitions import DeviceStatus, Place, Sighting, observe

BUNDLE = "0123456789abcdef" * 4


def counted(**numbers: int) -> dict[str, object]:
    return {"counters": {canary_count(BUNDLE, what): number for what, number in numbers.items()}}


def test_a_share_is_part_of_one_strategy_alone() -> None:
    assert share_of(Order(strategy="canary-parts").model_dump()) == 0.05
    assert share_of(Order(strategy="canary-parts", parts_share=0.2).model_dump()) == 0.2
    assert share_of(Order(strategy="shadow").model_dump()) == 0.0
    assert share_of({"strategy": "canary"}) == 0.0, "a rollout of an earlier version"
    with pytest.raises(ValidationError, match="canary-parts"):
        Order(parts_share=0.2)
    for wrong in (0.0, 1.1):
        with pytest.raises(ValidationError):
            Order(strategy="canary-parts", parts_share=wrong)


@pytest.mark.parametrize("text", ["5", "0%", "101%", "x%", "-1%", ""])
def test_what_is_no_share_is_told(text: str) -> None:
    with pytest.raises(Rejected, match="say for example 5%"):
        parts_share(text)


def test_a_share_of_parts_is_not_taken_for_one_of_devices() -> None:
    result = CliRunner().invoke(main, ["rollout", "tiles", "--parts", "5%", "--home", "/nowhere"])
    assert result.exit_code != 0
    assert "--canary is of devices" in result.output


def test_counts_of_devices_add_up_and_a_silent_or_older_device_adds_nothing() -> None:
    told = [counted(drawn=5, decided=3, disputed=1, late=2), counted(drawn=1, failed=1), {"counters": {"parts": 9}}]
    found = summed([*told, None], BUNDLE)
    assert found == {"devices": 2, "drawn": 6, "decided": 3, "disputed": 1, "late": 2, "failed": 1}
    assert set(CANARY_COUNTS) < set(found)


def test_a_device_that_judges_beside_the_champion_has_arrived() -> None:
    place = Place(DeviceStatus.INSTALLING, 3, BUNDLE, beside=True)
    assert observe(place, Sighting(3, UpdateState.SHADOW)) is DeviceStatus.COMMITTED
