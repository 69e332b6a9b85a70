"""What a recipe wants of the camera, and whether the camera is set so. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from edge_agent.capture.address import Address
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Camera as CameraRecipe

_EXPOSURE_STEP_US = 100.0
_EXPOSURE_SHARE = 0.02
_GAIN_STEP_DB = 0.5


@dataclass(frozen=True)
class CameraSettings:
    """Exposure in microseconds and gain in decibels; None: wanted of nobody, or not said by the camera."""

    exposure_us: float | None = None
    gain_db: float | None = None


NOTHING = CameraSettings()


@runtime_checkable
class Adjustable(Protocol):
    """A source whose camera can be set."""

    def adjust(self, wanted: CameraSettings) -> CameraSettings:
        """Set what is wanted, leave the rest as it is, and return what the camera then says of itself.

        Raises Rejected in words for people where the camera refuses, Unavailable where it is lost.
        """


def wanted_by(recipe: CameraRecipe) -> CameraSettings:
    """Return what the recipe wants of the camera itself; its crop is cut out of each picture on the station."""
    return CameraSettings(recipe.exposure_us, recipe.gain_db)


def set_elsewhere(wanted: CameraSettings, address: Address) -> CameraSettings:
    """Return what is wanted where `settings=own` in the address vouches for it: somebody set it on the camera itself.

    Raises Rejected where nobody does, for a camera that cannot be set from here.
    """
    if address.options.get("settings") == "own":
        return wanted
    raise Rejected(
        f"the recipe sets the camera, which is not possible by {address.scheme}; set it on the camera's own page "
        f"and add settings=own to the source's address"
    )


def deviation(wanted: CameraSettings, found: CameraSettings) -> str:
    """Return in words where the camera is not set as wanted; "" where it is, but for what its steps round off."""
    pairs = (
        ("exposure", "us", wanted.exposure_us, found.exposure_us, _exposure_slack_us(wanted.exposure_us)),
        ("gain", "dB", wanted.gain_db, found.gain_db, _GAIN_STEP_DB),
    )
    for name, unit, want, found_value, slack in pairs:
        if want is None:
            continue
        if found_value is None:
            return f"the camera does not say its {name}; the recipe wants {want:g} {unit}: use a camera that tells it"
        if not abs(found_value - want) <= slack:
            return (
                f"the camera's {name} is {found_value:g} {unit}, the recipe wants {want:g} {unit}; "
                f"change the recipe, or use a camera that can do it"
            )
    return ""


def _exposure_slack_us(wanted: float | None) -> float:
    return max(_EXPOSURE_STEP_US / 2, _EXPOSURE_SHARE * (wanted or 0.0))
