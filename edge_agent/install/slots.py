"""Which installed bundle is in use: `bundles/<id>/` folders and the pointer file `slots.json`.

The pointer is replaced as a whole (tmp, fsync, rename, fsync folder), so a power cut leaves the old or the new one,
never a mix. Only the updater writes it; the hot process reads it. A station that makes several products has slots for
each recipe; which of them is in force says `recipe.json`, and that only the hot process writes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edge_agent.contracts.archive import sync
from edge_agent.contracts.bundle import MANIFEST, BundleFolder
from edge_agent.contracts.encoding import Digest, Identifier, canonical_json
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.strict import Strict
from edge_agent.home import Home, read_json

STAGING = ".staging-"
"""Prefix of a bundle's folder while it is being downloaded."""


class Slot(Strict):
    """A recipe's bundles: the one in use, the one before it, and the last that proved itself."""

    active: Digest | None = None
    previous: Digest | None = None
    last_good: Digest | None = None

    @property
    def bundles(self) -> frozenset[str]:
        """All that are named."""
        return frozenset(bundle for bundle in (self.active, self.previous, self.last_good) if bundle)


class Slots(Slot):
    """The pointer, seen from the recipe in force; `recipe` is None at a station that makes one product.

    `resting` are the slots of the other recipes, by the name of their model.
    """

    releases: dict[Digest, int] = {}
    recipe: Identifier | None = None
    resting: dict[Identifier, Slot] = {}

    @property
    def kept(self) -> frozenset[str]:
        """Bundles that must stay on disk."""
        return self.bundles.union(*(slot.bundles for slot in self.resting.values()))

    def turned(self, recipe: str) -> Slots:
        """Return the same pointer seen from another recipe. Slots that belong to no recipe are left behind."""
        if recipe == self.recipe:
            return self
        others = {name: slot for name, slot in self.resting.items() if name != recipe}
        if self.recipe is not None:
            others[self.recipe] = Slot(active=self.active, previous=self.previous, last_good=self.last_good)
        slot = self.resting.get(recipe, Slot())
        return self._with(recipe=recipe, resting=others, **slot.model_dump())

    def alone(self) -> Slots:
        """Return the pointer of a station that makes one product."""
        return self._with(recipe=None, resting={})

    def activated(self, bundle: str, release: int) -> Slots:
        """Return the pointer after `bundle` was taken into use; repeating it changes nothing."""
        releases = {**self.releases, bundle: release}
        if bundle == self.active:
            return self._with(releases=releases)
        return self._with(active=bundle, previous=self.active, releases=releases)

    def committed(self) -> Slots:
        """Return the pointer after the active bundle has proved itself."""
        return self._with(last_good=self.active)

    def reverted(self, bundle: str) -> Slots:
        """Return the pointer without `bundle`: its predecessor, or the last good one, is in use again."""
        champion = self.champion_against(bundle)
        last_good = self.last_good if self.last_good != bundle else champion
        return self._with(active=champion, previous=None, last_good=last_good)

    def champion_against(self, bundle: str) -> str | None:
        """Return the bundle that serves where `bundle` must not."""
        order = (self.active, self.previous, self.last_good)
        return next((other for other in order if other and other != bundle), None)

    def _with(self, **changes: object) -> Slots:
        changed = self.model_copy(update=changes)
        releases = {bundle: release for bundle, release in changed.releases.items() if bundle in changed.kept}
        return changed.model_copy(update={"releases": releases})


def read_slots(root: Path) -> Slots:
    """Return the pointer; an empty one where there is none yet. Raises ConfigError for a damaged file."""
    path = Home(root).slots
    try:
        slots = Slots.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Slots()
    except (OSError, ValidationError) as error:
        raise ConfigError(
            f"{path}: cannot be read ({error}); move it away, the station then asks for its model anew"
        ) from error
    chosen = read_json(Home(root).recipe).get("recipe")
    return slots.turned(chosen) if chosen in slots.resting else slots


def write_slots(root: Path, slots: Slots) -> None:
    """Replace the pointer so that it is on disk when this returns."""
    of_one_product = {"recipe", "resting"} if slots.recipe is None else None
    write_synced(Home(root).slots, canonical_json(slots.model_dump(mode="json", exclude=of_one_product)))


@dataclass(frozen=True)
class Pointer:
    """The pointer of a station that makes `recipes` (names of their models); with none it makes one product."""

    root: Path
    recipes: frozenset[str] = frozenset()

    def admit(self, model: str) -> None:
        """Raise Rejected for a model that belongs to none of the recipes."""
        if self.recipes and model not in self.recipes:
            made = ", ".join(sorted(self.recipes))
            raise Rejected(f"no recipe: this station makes {made}; add '{model}' to `recipes` in station.yaml")

    def read(self) -> Slots:
        """Return the slots seen from the recipe in force."""
        slots = read_slots(self.root)
        if not self.recipes:
            return slots.alone()
        if slots.recipe is None and slots.active is not None:
            name = read_json(bundle_folder(self.root, slots.active).folder / MANIFEST).get("name")
            return slots._with(recipe=name if isinstance(name, str) else None)
        return slots

    def of(self, model: str) -> Slots:
        """Return the slots seen from a model's recipe."""
        slots = self.read()
        return slots.turned(model) if self.recipes else slots

    def rests(self, model: str) -> bool:
        """Return whether another recipe than this model's is in force."""
        return bool(self.recipes) and self.read().recipe not in (None, model)

    def change(self, model: str, change: Callable[[Slots], Slots]) -> None:
        """Change the slots of a model's recipe, whichever is in force."""
        in_force, changed = self.read().recipe, change(self.of(model))
        write_slots(self.root, changed.turned(in_force) if in_force else changed)

    def choose(self, recipe: str) -> None:
        """Let a recipe be in force from now on; for the hot process alone."""
        write_synced(Home(self.root).recipe, canonical_json({"recipe": recipe}))


def write_synced(path: Path, data: bytes) -> None:
    """Replace a small file as a whole: tmp, fsync, rename, fsync folder."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync(path.parent)


def bundle_folder(root: Path, bundle: str) -> BundleFolder:
    """Return where an installed bundle lies."""
    return BundleFolder(Home(root).bundle(bundle))


def prune(root: Path, keep: frozenset[str]) -> list[str]:
    """Remove installed and half-downloaded bundles other than those in `keep`; return their names."""
    folder = Home(root).bundles
    if not folder.is_dir():
        return []
    removed = []
    for entry in sorted(folder.iterdir()):
        if entry.name.removeprefix(STAGING) not in keep:
            shutil.rmtree(entry, ignore_errors=True)
            removed.append(entry.name)
    return removed
