"""The decoder's wrapper: how hard it looks, and that it stops when the part's time is up."""

from __future__ import annotations

import sys
from typing import get_args

import numpy as np
import pytest

from edge_agent.capture.codes import check_decoder, read_codes, region_of
from edge_agent.clock import SYSTEM, Clock
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import CodeFormat, Crop
from tests.simulators.codes import blurred, code, faded, turned

ALL = get_args(CodeFormat)
SIDEWAYS = np.ascontiguousarray(np.rot90(code("SN-7", "code-128", 2)))
"""A bar code that the quick look does not find."""


class Ticking:
    """A clock by which every look takes 50 ms."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 0.05
        return self.now

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=self.monotonic, wall_ms=lambda: 0)


def read(*regions: np.ndarray, until: float = float("inf"), clock: Clock = SYSTEM) -> tuple[str, ...]:
    return read_codes(regions, ALL, lambda text: text.startswith("SN"), until, clock)


def test_every_format_that_a_recipe_may_name_is_known_to_the_decoder() -> None:
    for name in ALL:
        assert read_codes([code("x")], [name], bool, float("inf"), SYSTEM) == (("x",) if name == "data-matrix" else ())


def test_a_thorough_look_is_begun_only_where_it_will_probably_end_in_time() -> None:
    assert read(SIDEWAYS) == ("SN-7",)
    assert read(SIDEWAYS, until=0.45, clock=Ticking().clock) == ()
    assert read(SIDEWAYS, until=0.55, clock=Ticking().clock) == ("SN-7",)
    assert read(code("SN-1"), until=0.06, clock=Ticking().clock) == ("SN-1",), "one quick look is always in it"
    assert read(code("SN-1"), until=0.04, clock=Ticking().clock) == ()


class Busy(Ticking):
    """A clock by which the first look takes 10 ms and every later one a second: the processor is wanted elsewhere."""

    looks = 0

    def monotonic(self) -> float:
        self.looks += 1
        self.now += 0.0 if self.looks % 2 else 0.01 if self.looks == 2 else 1.0
        return self.now


def test_what_a_busy_processor_makes_of_a_look_is_reckoned_with_in_the_next() -> None:
    nothing, busy = np.full((60, 60), 255, np.uint8), Busy()
    assert read(nothing, until=2.0, clock=busy.clock) == ()
    assert busy.now == pytest.approx(1.01), "by the first look alone three more would have fitted"


@pytest.mark.parametrize("kind", ["data-matrix", "qr-code", "code-128"])
@pytest.mark.parametrize("degrees", [0, 17, 33, 90, 123, 180, 214, 301])
def test_a_code_is_read_at_any_angle(kind: str, degrees: int) -> None:
    assert read(turned(code("SN-00042", kind, 3), degrees)) == ("SN-00042",)


@pytest.mark.parametrize("kind", ["data-matrix", "qr-code", "code-128"])
def test_a_code_is_read_mirrored_and_of_low_contrast(kind: str) -> None:
    printed = code("SN-00042", kind, 3)
    assert read(np.ascontiguousarray(printed[:, ::-1])) == ("SN-00042",)
    assert read(faded(printed, 110, 130)) == ("SN-00042",)


def test_two_codes_are_both_read_and_the_same_one_twice_is_two_texts() -> None:
    one, other = code("SN-1"), code("SN-2")
    side = np.full((max(one.shape[0], other.shape[0]), 20), 255, np.uint8)
    height = min(one.shape[0], other.shape[0])
    assert sorted(read(np.hstack([one[:height], side[:height], other[:height]]))) == ["SN-1", "SN-2"]
    assert read(np.hstack([one, side, one])) == ("SN-1", "SN-1")


def test_a_small_blurred_code_is_read_enlarged() -> None:
    assert read(blurred(code("SN-1", scale=2), 1.1)) == ("SN-1",)


def test_another_code_does_not_end_the_search() -> None:
    assert read(code("LOT-1"), SIDEWAYS) == ("SN-7",)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (2, 500), (5, 7, 3), (5, 7, 1)])
def test_the_smallest_regions_hold_no_code_and_do_no_harm(shape: tuple[int, ...]) -> None:
    region = region_of(np.zeros(shape, np.uint8), Crop(left=0.5, right=0.6))
    assert region.ndim == 2
    assert read(region) == ()


def test_a_colour_picture_is_read_as_well() -> None:
    colour = np.repeat(code("SN-1")[:, :, None], 3, axis=2)
    assert read(region_of(colour, Crop())) == ("SN-1",)


def test_without_the_decoder_a_person_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    check_decoder()
    monkeypatch.setitem(sys.modules, "zxingcpp", None)
    with pytest.raises(ConfigError, match="pip install zxing-cpp"):
        check_decoder()
